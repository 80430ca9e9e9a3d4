import type { Actor } from './actor.js';

/** W3C trace context of the work at hand (https://www.w3.org/TR/trace-context/). */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits: the span of this hop. */
  readonly spanId: string;
  readonly sampled: boolean;
  readonly tracestate?: string;
}

/**
 * What travels with every call between services, in process or remote: who acts, until when, for which trace.
 * Local and remote providers honour it alike.
 */
export interface CallContext {
  readonly actor: Actor;
  /** UUID v4 of the request that caused the call. */
  readonly requestId: string;
  /** Milliseconds since the epoch after which nobody waits for the answer any more. */
  readonly deadline: number;
  readonly trace: TraceContext;
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal;
  /** Client address, canonical text form; absent for work no client asked for. */
  readonly address?: string;
  readonly userAgent?: string;
}
