/** Most that a request is repeated, whatever the budget has left. */
export const MAX_RETRIES = 2;

const BACKOFF_MS = 50;
const MAX_RETRY_AFTER_S = 3_600;

/**
 * How long to wait before a request is repeated: exponential with full jitter (AWS Architecture Blog, "Exponential Backoff
 * and Jitter", 2015), on top of what the other side asks for.
 *
 * @param retries how often it was repeated already
 * @param retryAfterMs what the other side asks for, in ms
 * @returns ms
 */
export function retryDelayMs(retries: number, retryAfterMs = 0): number {
  return retryAfterMs + Math.random() * BACKOFF_MS * 2 ** retries;
}

/**
 * Seconds of a `Retry-After` (RFC 9110 section 10.2.3), in ms, at most an hour; dates are not used between services.
 *
 * @returns undefined where there is none that can be read
 */
export function retryAfterMs(value: string | readonly string[] | undefined): number | undefined {
  if (typeof value !== 'string' || !/^\d{1,4}$/.test(value)) return undefined;
  return Math.min(Number(value), MAX_RETRY_AFTER_S) * 1_000;
}
