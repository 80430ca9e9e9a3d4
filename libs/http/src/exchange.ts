import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FillSlot } from '@nexus/caching';
import type { RoutePolicy } from '@nexus/contracts';
import { type Actor, ANONYMOUS, type AppError, type CallContext, type TraceContext } from '@nexus/kernel';

/** Route parameters by name. */
export type RouteParams = Readonly<Record<string, string | undefined>>;

/** What an edge process adds to every answer, and how it treats a request: made once per process. */
export interface ExchangeDefaults {
  /** Header names and values in turn, on every answer. */
  readonly headers: readonly string[];
  /** Every answer closes its connection: the process is about to stop. */
  readonly closing: boolean;
  /** Header names and values that an answer carries besides, as they are when it is made; absent for none. */
  readonly late?: ((request: IncomingMessage) => readonly string[]) | undefined;
}

/**
 * One request and its answer, from the first byte to the last: the policy chain writes it, guards, interceptors
 * and filters read it. It hangs on the raw request as `nexus`.
 */
export class Exchange {
  actor: Actor = ANONYMOUS;
  /** The access token of the actor, as it came, or as an API key was exchanged for it. A secret. */
  credential: string | undefined;
  /** A gateway of the platform sent it on: what its `x-nexus-*` fields say is so. */
  viaGateway = false;
  /** Client address, canonical text form. */
  address = 'unknown';
  route: RoutePolicy | undefined;
  params: RouteParams = {};
  /** The body, parsed; undefined where there is none and where it is a stream. */
  body: unknown;
  /** Milliseconds since the epoch. */
  deadline: number;
  /** Header names and values in turn that this answer carries besides the defaults (limits, CORS, cache). */
  readonly headers: string[] = [];
  /** The client sends its body once it is told to (`Expect: 100-continue`). */
  awaitsContinue = false;
  /** Why the request is none that a route may see; the gate answers with it, once the limits have counted it. */
  refusal: AppError | undefined;
  /** Why its credentials do not count; the gate answers with it where the route needs a caller. */
  credentialFault: AppError | undefined;
  /** The connection ends with this answer. */
  close = false;
  /** The right to keep this answer, where the cache may. */
  fill: FillSlot | undefined;
  /** Gives an older answer where this one fails; says whether it did. */
  fallback: (() => boolean) | undefined;
  /** `Cache-Status` member for logs, e.g. `hit`. */
  cacheStatus: string | undefined;
  /** While it is being found out elsewhere whether the request is within its limits; settles when that is known. */
  deciding: Promise<unknown> | undefined;
  /** First error code of the answer, for logs. */
  errorCode: string | undefined;
  /** Monotonic start, in ms (`performance.now`). */
  readonly startedMark = performance.now();
  private abort: AbortController | undefined;
  /** Its place among all that are being served; kept by whoever keeps those. */
  place = -1;
  /** The place of its class among those that are served first; kept by whoever let it in, -1 where nobody counts it. */
  rank = -1;
  private cancelled = false;
  private onCancelled: (() => void) | undefined;
  private context: CallContext | undefined;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    /** UUID v4; `X-Request-Id` and `request_id` of the answer. */
    readonly id: string,
    readonly trace: TraceContext,
    readonly defaults: ExchangeDefaults,
    /** Milliseconds since the epoch. */
    readonly startedAt: number,
    timeoutMs: number,
  ) {
    this.deadline = startedAt + timeoutMs;
  }

  /** Aborted when the client is gone or the time is over; made only for those who ask. */
  get signal(): AbortSignal {
    this.abort ??= new AbortController();
    if (this.cancelled) this.abort.abort();
    return this.abort.signal;
  }

  /** Tells everyone who works for this request that nobody waits any more. */
  cancel(): void {
    this.cancelled = true;
    this.abort?.abort();
    this.onCancelled?.();
  }

  /** Has `action` called once when nobody waits any more, now if that is so already: {@link signal} for one, cheaper. */
  whenCancelled(action: () => void): void {
    if (this.cancelled) action();
    else this.onCancelled = action;
  }

  /** Tells a client that waits for it to send its body (RFC 9110 §10.1.1); whoever is about to read calls it. */
  sayContinue(): void {
    if (!this.awaitsContinue) return;
    this.awaitsContinue = false;
    if (!this.response.headersSent) this.response.writeContinue();
  }

  /** What the request hands on to services. */
  callContext(): CallContext {
    if (!this.context) {
      const exchange = this;
      const userAgent = this.request.headers['user-agent'];
      this.context = {
        actor: this.actor,
        requestId: this.id,
        deadline: this.deadline,
        trace: this.trace,
        get signal() {
          return exchange.signal;
        },
        address: this.address,
        ...(userAgent === undefined ? {} : { userAgent }),
        ...(this.credential === undefined ? {} : { credential: this.credential }),
      };
    }
    return this.context;
  }
}

declare module 'node:http' {
  interface IncomingMessage {
    /** Set by the policy chain on every request. */
    nexus?: Exchange;
  }
}

/**
 * The exchange of a request that came through the policy chain.
 * @throws Error when it did not: a listener was built without the chain
 */
export function exchangeOf(raw: IncomingMessage): Exchange {
  if (!raw.nexus) throw new Error('The request did not pass the policy chain');
  return raw.nexus;
}
