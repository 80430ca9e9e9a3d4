import { SlidingCounts } from './sliding-counts.js';

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
  private readonly counts: SlidingCounts<'calls' | 'retries'>;
  private readonly ratio: number;
  private readonly floor: number;
  private readonly now: () => number;

  constructor({ ratio = 0.2, floor = 3, windowMs = 10_000, now = () => performance.now() }: RetryBudgetOptions = {}) {
    this.ratio = ratio;
    this.floor = floor;
    this.now = now;
    this.counts = new SlidingCounts(['calls', 'retries'], windowMs, now());
  }

  /** A request begins; what repeats it is none. @param now where the caller has looked at the clock already */
  countCall(now: number = this.now()): void {
    this.counts.add('calls', now);
  }

  /** Takes one retry. @returns false when there is none left: the request has to fail */
  takeRetry(): boolean {
    const now = this.now();
    const granted = this.counts.sum('retries', now);
    if (granted >= Math.max(this.floor, Math.floor(this.counts.sum('calls', now) * this.ratio))) {
      this.denied += 1;
      return false;
    }
    this.granted += 1;
    this.counts.add('retries', now);
    return true;
  }
}
