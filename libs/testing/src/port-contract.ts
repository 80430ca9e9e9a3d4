import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { PortToken } from '@nexus/bootstrap';
import { toAppError } from '@nexus/http';
import { type Actor, ANONYMOUS, AppError, type CallContext, errors, serviceActor, uuidv4 } from '@nexus/kernel';
import { CONTRACT_CALLER, openPortHarness, PORT_SIDES, type PortHarness, type PortSide } from './port-harness.js';
import { testUser } from './test-context.js';

/** A call that a provider can answer. */
export interface ContractCall {
  readonly method: string;
  readonly input: unknown;
  /** Who calls; a signed-in person unless given. */
  readonly actor?: Actor;
  /** Looks at the answer; throws when it is wrong. That it fits the contract is seen to anyway. */
  check?(answer: unknown): void;
}

/** What the suite needs of a provider. */
export interface PortContractOptions<T> {
  /** Asked when the first case runs. */
  readonly provider: () => T;
  /** At least one call per method, each good any number of times. */
  readonly calls: () => readonly ContractCall[];
  /** For each stream: makes the provider tell an entry. */
  readonly tell?: Readonly<Record<string, () => unknown>>;
}

/** One thing that holds wherever the provider runs. */
export interface ContractCase {
  readonly name: string;
  /** Rejects when it does not hold. */
  run(): Promise<void>;
}

type Client = Record<string, (ctx: CallContext, input: unknown) => Promise<unknown>>;
type Subscribe = (listener: (entry: unknown) => void) => () => void;

const PATIENCE_MS = 10_000;

/** Waits until something holds. @throws Error when it does not within ten seconds */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    // The last look begins after the end: what the machine alone held up has happened by then.
    const isLast = performance.now() > end;
    if (await holds()) return;
    if (isLast) throw new Error(`It did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What somebody who waits for the call is told in the end. */
async function failure(call: Promise<unknown>): Promise<AppError> {
  try {
    await call;
  } catch (thrown) {
    return toAppError(thrown);
  }
  throw new assert.AssertionError({ message: 'The call did not fail' });
}

/** The part of an error that a caller can see. */
function visible({ code, status, message, details, headers }: AppError) {
  return { code, status, message, details, headers };
}

class Suite<T extends object> {
  constructor(
    private readonly token: PortToken & { prototype: T },
    private readonly options: PortContractOptions<T>,
    private readonly side: PortSide,
  ) {}

  /** Runs work on a fresh client. */
  private on(work: (harness: PortHarness<T>, client: Client) => Promise<void>): () => Promise<void> {
    return async () => {
      const harness = await openPortHarness(this.token, this.options.provider(), this.side);
      try {
        await work(harness, harness.client as unknown as Client);
      } finally {
        await harness.close();
      }
    };
  }

  /** A call of each method. */
  private samples(): ContractCall[] {
    const calls = this.options.calls();
    return Object.keys(this.token.port.methods).map((method) => {
      const sample = calls.find((call) => call.method === method);
      assert(sample, `The suite has no call of ${method}`);
      return sample;
    });
  }

  private readonly answers = this.on(async (harness, client) => {
    this.samples();
    for (const { method, input, actor = testUser(), check } of this.options.calls()) {
      const answer = await client[method]?.(harness.context(actor), input);
      assert.deepEqual(this.token.port.methods[method]?.output.parse(JSON.parse(JSON.stringify(answer))), answer);
      check?.(answer);
    }
  });

  private readonly context = this.on(async (harness, client) => {
    let left = 0;
    harness.behave = ({ deadline }) => {
      left = deadline - Date.now();
      throw errors.conflict();
    };
    for (const { method, input } of this.samples()) {
      for (const actor of [testUser({ role: 'admin' }), ANONYMOUS, serviceActor(CONTRACT_CALLER)]) {
        if (actor.kind === 'service' && !this.token.port.methods[method]?.serviceActor) continue;
        const trace = { traceId: uuidv4().replaceAll('-', ''), spanId: '00f067aa0ba902b7', sampled: true };
        const ctx = harness.context(actor, {
          trace: { ...trace, tracestate: 'vendor=1' },
          address: '2001:db8::7',
          userAgent: 'Spec/1 (\u00fc)',
        });
        const given = ctx.deadline - Date.now();
        assert.equal((await failure(client[method]?.(ctx, input) as Promise<unknown>)).code, 'conflict');
        const seen = harness.seen.at(-1);
        assert(seen, 'The provider was not called');
        assert.deepEqual(
          [seen.method, seen.input, seen.ctx.actor, seen.ctx.requestId, seen.ctx.address, seen.ctx.userAgent],
          [method, input, actor, ctx.requestId, ctx.address, ctx.userAgent],
        );
        assert.equal(seen.ctx.credential, ctx.credential);
        assert.equal(seen.ctx.trace.traceId, trace.traceId);
        assert.deepEqual([seen.ctx.trace.sampled, seen.ctx.trace.tracestate], [true, 'vendor=1']);
        // Another process is told how much time is left, not when it ends: clocks need not agree.
        assert(left > 0 && left <= given, `There are ${left} ms left of ${given}`);
      }
    }
  });

  private readonly actorRules = this.on(async (harness, client) => {
    harness.behave = () => {
      throw errors.conflict();
    };
    for (const { method, input } of this.samples()) {
      const { code } = await failure(client[method]?.(harness.context(serviceActor(CONTRACT_CALLER)), input) as never);
      const allowed = this.token.port.methods[method]?.serviceActor;
      assert.deepEqual([method, code, harness.seen.length], [method, allowed ? 'conflict' : 'forbidden', +!!allowed]);
      harness.seen.length = 0;
    }
  });

  private readonly deadline = this.on(async (harness, client) => {
    for (const { method, input, actor = testUser() } of this.samples()) {
      const late = harness.context(actor, { deadline: Date.now() - 1 });
      const gone = harness.context(actor, { signal: AbortSignal.abort() });
      for (const ctx of [late, gone])
        assert.deepEqual(
          visible(await failure(client[method]?.(ctx, input) as Promise<unknown>)),
          visible(errors.timed_out()),
        );
    }
    assert.equal(harness.seen.length, 0);
  });

  private readonly abort = this.on(async (harness, client) => {
    const held = Promise.withResolvers<AbortSignal>();
    harness.behave = async ({ signal }) => {
      held.resolve(signal);
      if (!signal.aborted) await once(signal, 'abort');
      throw errors.timed_out();
    };
    const [{ method, input, actor = testUser() }] = this.samples() as [ContractCall];
    const leaving = new AbortController();
    const ended = failure(client[method]?.(harness.context(actor, { signal: leaving.signal }), input) as never);
    const signal = await held.promise;
    assert.equal(signal.aborted, false);
    leaving.abort();
    assert.equal((await ended).code, 'timed_out');
    await eventually(() => signal.aborted, 'the signal of the provider is aborted');
  });

  private readonly appErrors = this.on(async (harness, client) => {
    const details = [
      { code: 'last_owner', field: 'members.0', message: 'Größer „als“ \u{1f600}' },
      { code: 'too_large', message: 'x'.repeat(2000) },
    ];
    const thrown = [
      errors.conflict({ details, message: 'Nicht so.' }),
      errors.rate_limited({ headers: { 'retry-after': '7', 'x-rate-limit': 'a, b' } }),
      new AppError('code_of_another_app', { status: 418, message: 'Its own sentence.' }, { field: 'name' }),
      errors.not_found(),
      errors.forbidden(),
      errors.bad_gateway(),
    ];
    for (const error of thrown) {
      harness.behave = () => {
        throw error;
      };
      for (const { method, input, actor = testUser() } of this.samples()) {
        const told = await failure(client[method]?.(harness.context(actor), input) as Promise<unknown>);
        assert.deepEqual(visible(told), visible(error));
      }
    }
  });

  private readonly crashes = this.on(async (harness, client) => {
    const [{ method, input, actor = testUser() }] = this.samples() as [ContractCall];
    for (const crash of [new Error('the password is hunter2'), 'not even an error', undefined, null]) {
      harness.behave = () => {
        throw crash;
      };
      const told = await failure(client[method]?.(harness.context(actor), input) as Promise<unknown>);
      assert.deepEqual(visible(told), visible(errors.internal_error()));
    }
  });

  /** A provider in the same process is called by code that was checked at compile time; over the wire anything may come. */
  private readonly invalidInput = this.on(async (harness, client) => {
    for (const { method, actor = testUser() } of this.samples()) {
      for (const input of [null, [], 'text', 1]) {
        const told = await failure(client[method]?.(harness.context(actor), input) as Promise<unknown>);
        assert.deepEqual([told.code, told.status, told.details.length > 0], ['validation_failed', 400, true]);
      }
    }
    assert.equal(harness.seen.length, 0);
  });

  private readonly streams = this.on(async (_harness, client) => {
    const members = client as unknown as Record<string, Subscribe>;
    for (const name of this.token.port.streams) {
      const tell = this.options.tell?.[name];
      assert(tell, `The suite cannot make ${name} tell anything`);
      const heard: unknown[] = [];
      const stop = members[name]?.((entry) => heard.push(entry)) as () => void;
      // A connection is not made at once: what is told before it stands is not heard.
      const end = performance.now() + PATIENCE_MS;
      while (heard.length === 0 && performance.now() < end) {
        await tell();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await tell();
      await eventually(() => heard.length >= 2, 'the stream tells what happens');
      for (const entry of heard) assert.deepEqual(this.token.port.entries[name]?.parse(entry), entry);
      stop();
      const count = heard.length;
      await tell();
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(heard.length, count);
    }
  });

  cases(): ContractCase[] {
    const cases: [string, () => Promise<void>][] = [
      ['answers every method as the contract says', this.answers],
      ['sees who acts, for which request, trace and client, and how long it may take', this.context],
      ['serves a service only where the method says so', this.actorRules],
      ['is not asked after the deadline, or for a caller who is gone', this.deadline],
      ['learns that its caller is gone', this.abort],
      ['is heard with its own errors', this.appErrors],
      ['tells nothing about a crash', this.crashes],
      ['is never asked with an input that breaks the contract', this.invalidInput],
    ];
    if (this.token.port.streams.length > 0) cases.push(['tells each entry of its streams', this.streams]);
    return cases.map(([name, run]) => ({ name: `${this.token.port.name}, ${this.side}: ${name}`, run }));
  }
}

/**
 * What has to hold for a provider of a port, called in the same process and over HTTP alike. The cases need no test
 * framework: `test.each(portContract(…))('$name', ({ run }) => run())`.
 */
export function portContract<T extends object>(
  token: PortToken & { prototype: T },
  options: PortContractOptions<T>,
): ContractCase[] {
  return PORT_SIDES.flatMap((side) => new Suite(token, options, side).cases());
}
