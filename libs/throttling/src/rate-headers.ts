import type { RateDecision } from './rate-limiter.js';

/** Header fields of a decision; lower-case names, so that they merge with those of an `AppError`. */
export type RateHeaders = {
  readonly 'ratelimit-limit': string;
  readonly 'ratelimit-remaining': string;
  readonly 'ratelimit-reset': string;
  /** Only on a refusal; the same number as `ratelimit-reset`. */
  readonly 'retry-after'?: string;
};

/** `RateLimit-Limit`, `-Remaining`, `-Reset` of every answer, and `Retry-After` of a refusal. */
export function rateHeaders(decision: RateDecision): RateHeaders {
  const reset = String(decision.resetSeconds);
  const limit = String(decision.limit);
  return decision.allowed
    ? { 'ratelimit-limit': limit, 'ratelimit-remaining': String(decision.remaining), 'ratelimit-reset': reset }
    : { 'ratelimit-limit': limit, 'ratelimit-remaining': '0', 'ratelimit-reset': reset, 'retry-after': reset };
}
