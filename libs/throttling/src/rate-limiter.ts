/** What a limiter says of one request. */
export interface RateDecision {
  readonly allowed: boolean;
  /** Requests of one window, as it was asked for. */
  readonly limit: number;
  /** Requests that would still pass in this window, this one taken off. */
  readonly remaining: number;
  /** Seconds to the window's end, rounded up; at least 1 while the window is open. */
  readonly resetSeconds: number;
}

/**
 * Counts requests in fixed windows.
 *
 * A window starts at the key's first counted request and lasts `windowMs`; requests 1 to `limit` pass, also when they
 * come all at once; a refused request is not counted and moves nothing. A limit that changes within a window (a role
 * was given or taken) is held against what was counted so far. Keys are unique over all purposes: prefix them.
 */
export abstract class RateLimiter {
  /**
   * @param limit whole number; below 1 refuses everything
   * @param windowMs length of a window that starts now, in ms; one that is open keeps its end
   */
  abstract consume(key: string, limit: number, windowMs: number): RateDecision | Promise<RateDecision>;
}
