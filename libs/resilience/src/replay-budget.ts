const CAPACITY = 64;
const PER_REQUEST = 0.2;
const PER_SECOND = 1;

/**
 * Keeps replays from doubling the load on a service that cuts every connection: one for five requests, one more each
 * second, and as many saved up as are in flight when one instance dies (a token bucket; B. Beyer et al., Site
 * Reliability Engineering, ch. 21).
 */
export class ReplayBudget {
  #tokens = CAPACITY;
  #filledAt: number;

  /** @param now milliseconds, monotonic */
  constructor(private readonly now: () => number = () => performance.now()) {
    this.#filledAt = now();
  }

  /** A request ends. */
  count(): void {
    this.#tokens = Math.min(CAPACITY, this.#tokens + PER_REQUEST);
  }

  /** @returns whether one more replay is granted */
  take(): boolean {
    const now = this.now();
    this.#tokens = Math.min(CAPACITY, this.#tokens + ((now - this.#filledAt) / 1_000) * PER_SECOND);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
