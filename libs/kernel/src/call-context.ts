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
  /**
   * The access token that the user actor came with, as it was given (in place of an API key, what it was exchanged for):
   * a call to another process hands it on unchanged, so that each service sees for itself who acts. Absent for every
   * other actor. A secret: never log a context as a whole (the logger would take it out by its name).
   */
  readonly credential?: string;
}
