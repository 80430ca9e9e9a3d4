import type { Cores } from '../machine.ts';
import { markdownTable } from '../report.ts';
import { type Verdict, verdict } from '../results.ts';
import { median } from '../statistics.ts';
import { inTurns, TrialProcess } from '../trial/trial-process.ts';
import { optimalHits } from './optimum.ts';
import {
  POLICY_NAMES,
  POLICY_TITLES,
  type PolicyCommand,
  type PolicyEvent,
  type PolicyName,
  type PolicyTimes,
} from './protocol.ts';
import { CAPACITY, TRACE_NAMES, TRACE_TITLES, type TraceName, traceOf } from './trace.ts';

/** Share of the optimum's hits on `scans`. */
const TARGET = 0.9;
const MIN_ROUNDS = 7;

/** What the policies did on one trace. */
export interface TraceResult {
  trace: TraceName;
  requests: number;
  optimum: number;
  hits: ReadonlyMap<PolicyName, number>;
}

export interface PolicyResults {
  traces: readonly TraceResult[];
  /** CPU times of every round. */
  times: ReadonlyMap<PolicyName, readonly PolicyTimes[]>;
}

type PolicyProcess = TrialProcess<PolicyCommand, PolicyEvent>;

/** Every policy on every trace, then their CPU times in turns. @param ms CPU time of one sample */
export async function measurePolicies(options: {
  main: string;
  cores: Cores | undefined;
  rounds: number;
  ms: number;
}): Promise<PolicyResults> {
  const { main, cores, rounds, ms } = options;
  const file = new URL('./policy-process.ts', import.meta.url);
  const processes = new Map<PolicyName, PolicyProcess>(
    POLICY_NAMES.map((name) => [name, new TrialProcess(file, cores, name)]),
  );
  const traces: TraceResult[] = [];
  const times = new Map<PolicyName, PolicyTimes[]>();
  try {
    for (const child of processes.values()) await child.ask({ type: 'prepare', main });
    for (const trace of TRACE_NAMES) traces.push(await replayAll(processes, trace));
  } catch (error) {
    await Promise.all([...processes.values()].map((child) => child.stop()));
    throw error;
  }
  const sample: PolicyCommand = { type: 'sample', ms };
  const answers = await inTurns({ processes, before: [sample], each: sample, rounds: Math.max(MIN_ROUNDS, rounds) });
  for (const [name, events] of answers)
    times.set(
      name,
      events.flatMap((event) => (event.type === 'sampled' ? [event] : [])),
    );
  return { traces, times };
}

async function replayAll(processes: ReadonlyMap<PolicyName, PolicyProcess>, name: TraceName): Promise<TraceResult> {
  const hits = new Map<PolicyName, number>();
  for (const [policy, child] of processes) {
    const event = await child.ask({ type: 'replay', trace: name });
    if (event.type === 'replayed') hits.set(policy, event.hits);
  }
  const trace = traceOf(name);
  return { trace: name, requests: trace.length, optimum: optimalHits(trace, CAPACITY), hits };
}

/** A policy's hits over the best possible. */
export function shareOfOptimum({ optimum, hits }: TraceResult, policy: PolicyName): number {
  return (hits.get(policy) ?? 0) / optimum;
}

export function judgePolicies({ traces }: PolicyResults): Verdict {
  const scans = traces.find(({ trace }) => trace === 'scans');
  if (scans === undefined) throw new Error('the trace with scans was not run');
  const what = 'C6 cache-policy: hits of the first tier / optimum, trace with scans';
  return verdict(what, shareOfOptimum(scans, 'nexus'), { target: TARGET, atLeast: true, digits: 3 });
}

export function policySection({ traces, times }: PolicyResults): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const hits = POLICY_NAMES.map((policy) => [
    POLICY_TITLES[policy],
    ...traces.map(
      (result) =>
        `${percent((result.hits.get(policy) ?? 0) / result.requests)} = ${shareOfOptimum(result, policy).toFixed(3)}`,
    ),
  ]);
  const optimum = ["optimum (Belady's MIN)", ...traces.map((result) => percent(result.optimum / result.requests))];
  const nanos = (policy: PolicyName, pick: (of: PolicyTimes) => number) =>
    (median((times.get(policy) ?? []).map(pick)) * 1000).toFixed(0);
  const costs = POLICY_NAMES.map((policy) => [
    POLICY_TITLES[policy],
    nanos(policy, (of) => of.hit),
    nanos(policy, (of) => of.keep),
    nanos(policy, (of) => of.request),
  ]);
  return [
    `### Which answers ${CAPACITY} places are given to`,
    '`cache-policy`: hits of all requests = share of what the optimum hits. 600,000 requests, an empty cache at the start',
    markdownTable(['policy', ...traces.map(({ trace }) => trace)], [...hits, optimum]),
    traces.map(({ trace }) => `- \`${trace}\`: ${TRACE_TITLES[trace]}`).join('\n'),
    'CPU time, in processes of their own, in turns; a request is one of `scans`, kept when it was not there',
    markdownTable(['policy', 'ns/hit', 'ns/new answer in a full cache', 'ns/request'], costs),
  ].join('\n\n');
}
