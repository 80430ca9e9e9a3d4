import type { Clock } from '@nexus/kernel';
import { type RateDecision, RateLimiter } from './rate-limiter.js';
import { RateWindows, secondsLeft, steadyClock } from './rate-windows.js';

/** Most windows held at once, about 40 MB. */
export const MAX_WINDOWS = 200_000;

export interface LocalRateLimiterOptions {
  /** Most windows held at once (200,000, about 40 MB). Beyond that the windows that end soonest are given up. */
  readonly maxKeys?: number;
  readonly clock?: Clock;
}

/**
 * {@link RateLimiter} in this process's memory. Answers at once, so that no other request can come in between: exact
 * under any flood.
 */
export class LocalRateLimiter extends RateLimiter {
  readonly #windows: RateWindows;
  readonly #clock: Clock;

  constructor(options: LocalRateLimiterOptions = {}) {
    super();
    this.#windows = new RateWindows(options.maxKeys ?? MAX_WINDOWS);
    this.#clock = options.clock ?? steadyClock;
  }

  /** Windows held, ended ones that were not yet swept among them. */
  get size(): number {
    return this.#windows.size;
  }

  /** Open windows given up for want of room since the start. */
  get evictions(): number {
    return this.#windows.evictions;
  }

  override consume(key: string, limit: number, windowMs: number): RateDecision {
    const now = Math.floor(this.#clock.now());
    let window = this.#windows.find(key);
    if (window === undefined || now >= window.end) {
      // Nothing is counted, so no window opens.
      if (limit < 1) return { allowed: false, limit, remaining: 0, resetSeconds: secondsLeft(windowMs) };
      window = this.#windows.open(window, key, now, windowMs);
    }
    const resetSeconds = secondsLeft(window.end - now);
    if (window.count >= limit) return { allowed: false, limit, remaining: 0, resetSeconds };
    window.count += 1;
    return { allowed: true, limit, remaining: Math.floor(limit - window.count), resetSeconds };
  }
}
