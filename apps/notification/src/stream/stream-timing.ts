/** How long a live stream does what, in ms. */
export class StreamTiming {
  /** Between two comments that keep idle connections open. */
  readonly heartbeatMs: number = 20_000;
  /** How long a reader may leave unread what it was sent. */
  readonly drainMs: number = 10_000;
  /** Longest life of a stream; its client then comes back, with credentials that are looked at again. */
  readonly lifeMs: number = 15 * 60_000;
}
