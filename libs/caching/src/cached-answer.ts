/** A kept answer. */
export interface CachedAnswer {
  readonly status: 200 | 404;
  /**
   * The JSON of the envelope up to, but excluding, the value of `request_id`. Text, not bytes: Node sends header and
   * body in one write when both are strings, which costs a sixth less per answer.
   */
  readonly head: string;
  /** What follows that value; absent for an envelope that ends with it. */
  readonly tail?: string | undefined;
  readonly etag?: string;
  readonly contentType: string;
  readonly tags: readonly string[];
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
  /** Milliseconds since the epoch; from then on it is stale. */
  readonly expiresAt: number;
}

/** What a handler gives to be kept. */
export type FreshAnswer = Pick<CachedAnswer, 'head' | 'tail' | 'etag' | 'contentType'> & {
  readonly status?: 200 | 404;
};

/** How a fresh answer is to be kept. */
export interface StoreOptions {
  /** Whoever invalidates one of these drops the answer. */
  readonly tags: readonly string[];
  /** Life in ms, at most the cache's own. */
  readonly ttlMs?: number | undefined;
  /** How long after its life it may be asked for as a stale one, in ms. */
  readonly graceMs?: number | undefined;
}

/** The right to keep the answer of one request. Taken before the work starts, settled once. */
export interface CacheFill {
  readonly key: string;
  /** True once the answer was kept. */
  readonly stored: boolean;
  /**
   * Keeps the answer and lets the followers have it.
   * @returns false when it was not kept: one of its tags was invalidated after the fill began, a later read of the same
   * key was kept already, it is too large or has no life, or the fill is settled
   */
  store(answer: FreshAnswer, options: StoreOptions): boolean;
  /** Lets the followers go on without an answer. Does nothing once settled. */
  release(): void;
  /**
   * {@link release} when the response is closed, whatever became of the request: no guard or crash leaves followers
   * waiting.
   */
  releaseWith(response: { once(event: 'close', listener: () => void): unknown }): void;
}

/** One caller's place among all that miss the same key at the same time. */
export type FlightPlace =
  | { readonly leader: true; readonly fill: CacheFill }
  | {
      readonly leader: false;
      /**
       * The answer the leader kept; `undefined` when it kept none, ended without one, or took too long. Then the caller
       * goes to the handler on its own, with a fill of {@link ResponseCache.beginFill}: asking for a flight again would
       * queue all who waited one behind the other.
       */
      wait(): Promise<CachedAnswer | undefined>;
    };

/** Figures of a cache since its start; `entries`, `bytes`, `tags`, `links` and `flights` are of the moment. */
export interface CacheCounters {
  readonly hits: number;
  readonly misses: number;
  readonly stores: number;
  /** Answers refused because they were invalidated or overtaken while they were made. */
  readonly fenced: number;
  readonly evictions: number;
  /** Requests answered by another request's work. */
  readonly collapsed: number;
  /** Answers dropped by invalidation. */
  readonly invalidated: number;
  /** Listeners that threw. */
  readonly listenerFailures: number;
  readonly entries: number;
  readonly bytes: number;
  readonly tags: number;
  readonly links: number;
  readonly flights: number;
}
