/** How many retries are allowed. */
export interface RetryBudgetOptions {
  /** Retries per request; 0.2 lets one request in five be repeated. */
  readonly ratio?: number;
  /** Retries per window that are allowed however few requests there are. */
  readonly floor?: number;
  /** In ms. */
  readonly windowMs?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

const SLOTS = 10;

/**
 * Keeps retries from making an outage worse: over a sliding window they are at most a share of the requests, with a floor
 * so that a quiet service may be retried at all (B. Beyer et al., Site Reliability Engineering, ch. 21 "Handling
 * Overload"; Envoy's retry budget). One budget belongs to one upstream service, whoever in the process asks it.
 */
export class RetryBudget {
  /** Retries that were granted, ever. */
  granted = 0;
  /** Retries that were asked for and not granted. */
  denied = 0;
  private readonly calls = new Array<number>(SLOTS).fill(0);
  private readonly retries = new Array<number>(SLOTS).fill(0);
  private readonly ratio: number;
  private readonly floor: number;
  private readonly slotMs: number;
  private readonly now: () => number;
  private slot: number;

  constructor({ ratio = 0.2, floor = 3, windowMs = 10_000, now = () => performance.now() }: RetryBudgetOptions = {}) {
    this.ratio = ratio;
    this.floor = floor;
    this.slotMs = windowMs / SLOTS;
    this.now = now;
    this.slot = Math.floor(now() / this.slotMs);
  }

  /** A request begins; what repeats it is none. @param now where the caller has looked at the clock already */
  countCall(now: number = this.now()): void {
    const at = this.turn(now);
    this.calls[at] = (this.calls[at] as number) + 1;
  }

  /** Takes one retry. @returns false when there is none left: the request has to fail */
  takeRetry(): boolean {
    const at = this.turn(this.now());
    if (sum(this.retries) >= Math.max(this.floor, Math.floor(sum(this.calls) * this.ratio))) {
      this.denied += 1;
      return false;
    }
    this.granted += 1;
    this.retries[at] = (this.retries[at] as number) + 1;
    return true;
  }

  /** Forgets what has left the window. @returns the place that is counted in now */
  private turn(now: number): number {
    const slot = Math.floor(now / this.slotMs);
    const passed = Math.min(SLOTS, slot - this.slot);
    for (let i = 1; i <= passed; i++) {
      const at = (this.slot + i) % SLOTS;
      this.calls[at] = 0;
      this.retries[at] = 0;
    }
    if (passed > 0) this.slot = slot;
    return this.slot % SLOTS;
  }
}

function sum(counts: readonly number[]): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
