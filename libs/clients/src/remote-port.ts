import type { PortClass, PortMethod, ServiceName, StreamWatch } from '@nexus/contracts';
import { type CallContext, errors } from '@nexus/kernel';
import type { Logger } from '@nexus/observability';
import { MAX_RETRIES, RetryBudget, retryDelayMs, ServicePool } from '@nexus/resilience';
import { attempt, type CallDispatcher } from './attempt.js';
import { callHeaders } from './call-headers.js';
import { readAnswer } from './port-answer.js';
import { RemoteStream } from './remote-stream.js';
import { MAX_CALL_MS, portPath } from './wire.js';

/** How the providing service is reached. */
export interface RemotePortOptions {
  /** Sends to the service that provides the port; must have more than one connection where the port has streams. */
  readonly dispatcher: CallDispatcher;
  /** The service that calls; for the logs of the other side alone, which believes the certificate. */
  readonly caller: ServiceName;
  /** Retries that may be made; the pool's own by default, and one for all ports where the dispatcher is another. */
  readonly budget?: RetryBudget;
  /** Told when a stream is lost and when it is back. */
  readonly logger?: Logger;
}

const budgets = new WeakMap<CallDispatcher, RetryBudget>();

function budgetOf(dispatcher: CallDispatcher): RetryBudget {
  if (dispatcher instanceof ServicePool) return dispatcher.budget;
  let budget = budgets.get(dispatcher);
  if (!budget) {
    budget = new RetryBudget();
    budgets.set(dispatcher, budget);
  }
  return budget;
}

/** Waits; sooner over when the signal says so. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** Everything of a method that is the same for each call. */
interface Target {
  readonly what: string;
  readonly path: string;
  readonly method: PortMethod;
  readonly dispatcher: CallDispatcher;
  readonly budget: RetryBudget;
  readonly fixedHeaders: readonly string[];
}

function send(target: Target, ctx: CallContext, body: string, remainingMs: number) {
  return attempt(
    target.dispatcher,
    {
      path: target.path,
      method: 'POST',
      headers: [...target.fixedHeaders, ...callHeaders(ctx, remainingMs)],
      body,
      idempotent: target.method.idempotent,
      ownRetries: true,
      // The deadline covers both.
      headersTimeout: 0,
      bodyTimeout: 0,
    },
    ctx.signal,
    remainingMs,
  );
}

async function call(target: Target, ctx: CallContext, input: unknown): Promise<unknown> {
  const deadline = Math.min(ctx.deadline, Date.now() + MAX_CALL_MS);
  const body = JSON.stringify(input);
  target.budget.countCall();
  for (let retries = 0; ; retries++) {
    const remainingMs = Math.floor(deadline - Date.now());
    if (remainingMs <= 0 || ctx.signal.aborted) throw errors.timed_out();
    const result = readAnswer(target.what, target.method.output, await send(target, ctx, body, remainingMs));
    if (!('error' in result)) return result.data;
    const { error, retryAfterMs } = result;
    if (retryAfterMs === undefined || !target.method.idempotent || retries >= MAX_RETRIES) throw error;
    const waitMs = retryDelayMs(retries, retryAfterMs);
    if (Date.now() + waitMs >= deadline || !target.budget.takeRetry()) throw error;
    await pause(waitMs, ctx.signal);
  }
}

/**
 * A client of a port whose provider runs in another process: for its users the same as the provider itself, with the
 * same errors. Made of the port's wire definition alone, so that there is one for every port and none to write.
 *
 * A call carries who acts (a user's access token as it came, for which {@link CallContext.credential} is needed), the
 * trace and what is left of the deadline, which also aborts it: `timed_out`. Calls of idempotent methods that reached
 * nobody, or were told to come back in time, are repeated at most twice, within the budget and the deadline. A service
 * that is not there is `unavailable`, an answer that is none of the contract `bad_gateway`.
 *
 * A stream is followed for as long as somebody is subscribed, over connections that are made anew as often as needed;
 * entries come in order, each at most once, and the {@link StreamWatch} learns where some may be missing.
 */
export function remotePort<T extends object>(token: PortClass & { prototype: T }, options: RemotePortOptions): T {
  const { dispatcher, caller, budget = budgetOf(dispatcher), logger } = options;
  const { port } = token;
  const agent = ['user-agent', `nexus-${caller}`];
  const client: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(port.methods)) {
    const target: Target = {
      what: `${port.name}.${name}`,
      path: portPath(port, name),
      method,
      dispatcher,
      budget,
      fixedHeaders: ['content-type', 'application/json', ...agent],
    };
    client[name] = (ctx: CallContext, input: unknown) => call(target, ctx, input);
  }
  for (const [name, entry] of Object.entries(port.entries)) {
    client[name] = (listener: (entry: unknown) => void, watch?: StreamWatch) => {
      const what = `${port.name}.${name}`;
      const stream = new RemoteStream({ what, path: portPath(port, name), headers: agent, entry, dispatcher, logger });
      return stream.follow(listener, watch);
    };
  }
  return client as T;
}
