/** Sub-buckets per power of two: the relative error of a recorded value is at most 1/64. */
const SUB_BUCKET_BITS = 6;
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS;
/** 2^32 µs is over an hour, more than any request of a benchmark takes. */
const POWERS = 32 - SUB_BUCKET_BITS + 1;

/**
 * Latencies in microseconds, in buckets of constant relative width (the layout of HdrHistogram): recording is O(1) and
 * allocates nothing, so that the load generator stays cheap.
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(SUB_BUCKETS * POWERS);
  #total = 0;
  #max = 0;

  get count(): number {
    return this.#total;
  }

  /** The largest value recorded, in µs, exact. */
  get max(): number {
    return this.#max;
  }

  /** Records one latency in µs; values below zero count as zero. */
  record(micros: number): void {
    const value = micros > 0 ? Math.min(Math.round(micros), 0xffff_ffff) : 0;
    this.#counts[bucketOf(value)] += 1;
    this.#total += 1;
    if (value > this.#max) this.#max = value;
  }

  /**
   * The smallest bucket bound, in µs, that at least `quantile` (0–1) of the values do not exceed; 0 when nothing was
   * recorded. Never above {@link max}.
   */
  quantile(quantile: number): number {
    if (this.#total === 0) return 0;
    const rank = Math.max(1, Math.ceil(quantile * this.#total));
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket += 1) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return Math.min(upperBoundOf(bucket), this.#max);
    }
    return this.#max;
  }
}

function bucketOf(value: number): number {
  if (value < SUB_BUCKETS) return value;
  const shift = 31 - Math.clz32(value) - SUB_BUCKET_BITS;
  return (shift + 1) * SUB_BUCKETS + ((value >>> shift) - SUB_BUCKETS);
}

function upperBoundOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  return ((bucket % SUB_BUCKETS) + SUB_BUCKETS + 1) * 2 ** shift - 1;
}
