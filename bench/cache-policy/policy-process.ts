import { keyOf } from '../trial/answers.ts';
import { cpuMicrosOf, obeyTrial } from '../trial/obedience.ts';
import { type Policy, policyMaker } from './policies.ts';
import { POLICY_NAMES, type PolicyCommand, type PolicyEvent, type PolicyTimes } from './protocol.ts';
import { CAPACITY, traceOf } from './trace.ts';

/** Operations between two looks at the clock. */
const BATCH = 20_000;
/** Keys that are kept one after the other: long forgotten when their turn comes again. */
const NEW_KEYS = 100_000;

const name = POLICY_NAMES.find((known) => known === process.argv[2]);
if (name === undefined) throw new Error('no such policy; the benchmark starts this process');
let maker: (() => Policy) | undefined;
let timed: { hot: Policy; full: Policy; busy: Policy } | undefined;
const keys: string[] = [];

obeyTrial<PolicyCommand, PolicyEvent>(async (command) => {
  if (command.type === 'prepare') {
    maker = await policyMaker(name, command.main);
    return { type: 'prepared' };
  }
  if (maker === undefined) throw new Error(`"${command.type}" before "prepare"`);
  if (command.type === 'replay') return { type: 'replayed', hits: replay(maker(), traceOf(command.trace)) };
  return { type: 'sampled', ...(await sample(maker, command.ms)) };
});

/** Every request for what is not there keeps it. */
function replay(policy: Policy, trace: Uint32Array): number {
  let hits = 0;
  for (const index of trace) {
    const key = known(index);
    if (policy.get(key)) hits += 1;
    else policy.set(key, index);
  }
  return hits;
}

/** Each key is one string for the whole run, as short of work as a lookup can find it. */
function known(index: number): string {
  keys[index] ??= keyOf(index);
  return keys[index];
}

const trace = traceOf('scans');
const order = traceOf('zipf-1.0', BATCH).map((index) => index % CAPACITY);
let kept = 0;
let asked = 0;

async function sample(make: () => Policy, ms: number): Promise<PolicyTimes> {
  timed ??= { hot: filled(make()), full: filled(make()), busy: make() };
  const { hot, full, busy } = timed;
  return {
    hit: await cpuMicrosOf(() => hits(hot), BATCH, ms),
    keep: await cpuMicrosOf(() => keeps(full), BATCH, ms),
    request: await cpuMicrosOf(() => requests(busy), BATCH, ms),
  };
}

function filled(policy: Policy): Policy {
  for (let index = 0; index < CAPACITY; index += 1) policy.set(known(index), index);
  return policy;
}

function hits(policy: Policy): void {
  for (const index of order) {
    if (!policy.get(known(index))) policy.set(known(index), index);
  }
}

function keeps(policy: Policy): void {
  for (let count = 0; count < BATCH; count += 1) {
    const index = CAPACITY + (kept % NEW_KEYS);
    kept += 1;
    policy.set(known(index), index);
  }
}

function requests(policy: Policy): void {
  const end = asked + BATCH;
  for (; asked < end; asked += 1) {
    const index = trace[asked % trace.length] as number;
    const key = known(index);
    if (!policy.get(key)) policy.set(key, index);
  }
}
