/** Why a request went on to its handler (RFC 9211 §2.2), as far as this cache has the case. */
export type ForwardReason = 'miss' | 'request' | 'bypass';

/** What the cache did with one request. */
export type CacheOutcome =
  | {
      readonly hit: 'l1' | 'l2' | 'stale';
      /** Seconds that the answer has left to live; below 0 since it is stale. */
      readonly ttlSeconds?: number;
    }
  | {
      readonly fwd: ForwardReason;
      /** The answer was kept. */
      readonly stored?: boolean;
      /** The request waited for another one: true, it got that one's answer; false, it had to go on itself. */
      readonly collapsed?: boolean;
    };

/** Away from nothing: what is stale by a moment is not said to have an end that is now. */
function wholeSeconds(seconds: number): number {
  return seconds > 0 ? Math.ceil(seconds) : Math.floor(seconds);
}

/**
 * A `Cache-Status` value (RFC 9211): `nexus; hit; detail=l1; ttl=42`, `nexus; fwd=miss; stored`, …
 * `fwd=request` is for a client that sent `Cache-Control: no-cache`, `fwd=bypass` for a request that may not be
 * cached although its route is.
 */
export function cacheStatus(outcome: CacheOutcome): string {
  if ('hit' in outcome) {
    return outcome.ttlSeconds === undefined
      ? `nexus; hit; detail=${outcome.hit}`
      : `nexus; hit; detail=${outcome.hit}; ttl=${wholeSeconds(outcome.ttlSeconds)}`;
  }
  const { fwd, stored, collapsed } = outcome;
  const waited = collapsed === undefined ? '' : collapsed ? '; collapsed' : '; collapsed=?0';
  return `nexus; fwd=${fwd}${stored ? '; stored' : ''}${waited}`;
}
