import type { Dispatcher } from 'undici';
import { DEADLINE_HEADER } from './deadline.js';

/** What a service pool is told of a request besides what undici is. */
export interface ServiceRequestOptions extends Dispatcher.DispatchOptions {
  /**
   * Milliseconds since the epoch at which nobody waits any more. With it a request that may be repeated also is where it
   * is answered 503 with `Retry-After`, as long as there is time; each try is told what is left then.
   */
  readonly deadline?: number;
  /** Its sender counts it against the pool's budget and repeats it by itself: here it only goes on to another address. */
  readonly ownRetries?: boolean;
  /** It is answered for as long as somebody listens: no part of what is limited and judged. */
  readonly lasts?: boolean;
}

/**
 * Field of a 503 by which a service says that it took the request for one too many: it is at work, so that is no failure
 * of it, and others of higher priority may be served.
 */
export const SHED_HEADER = 'x-nexus-shed';

/** The request as it is made anew: it is told what is left of its time. */
export function madeAnew(options: ServiceRequestOptions): ServiceRequestOptions {
  const { deadline, headers, headersTimeout, bodyTimeout } = options;
  if (deadline === undefined) return options;
  const left = Math.max(1, Math.floor(deadline - Date.now()));
  const shorter = (limit: number | null | undefined) => (limit ? Math.min(limit, left) : limit);
  const anew = { ...options, headersTimeout: shorter(headersTimeout), bodyTimeout: shorter(bodyTimeout) };
  const at = Array.isArray(headers) ? headers.indexOf(DEADLINE_HEADER) : -1;
  if (at < 0) return anew;
  const fields = [...(headers as string[])];
  fields[at + 1] = String(left);
  return { ...anew, headers: fields };
}
