import { SlidingCounts } from './sliding-counts.js';

/** `closed` requests pass, `open` none does, `half_open` a few are let through to learn whether all may. */
export type CircuitState = 'closed' | 'open' | 'half_open';

export interface BreakerOptions {
  /** Over how long failures are counted, in ms; 10 s by default. */
  readonly windowMs?: number;
  /** Requests that must have ended within the window before it is judged; 20 by default. */
  readonly minVolume?: number;
  /** Share of failures at which it opens; 0.5 by default. */
  readonly failureRate?: number;
  /** How long it stays open at first, in ms; 500 by default. Doubles each time, and is spread by a quarter. */
  readonly openMs?: number;
  /** How long it stays open at most, in ms; 1 s by default: a service that was started again is asked soon. */
  readonly maxOpenMs?: number;
  /** Requests let through while half open; all of them have to be good. 3 by default. */
  readonly probes?: number;
  /** Told of each change. */
  readonly onChange?: (state: CircuitState) => void;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** From 0 up to 1. */
  readonly random?: () => number;
}

const DEFAULTS = { windowMs: 10_000, minVolume: 20, failureRate: 0.5, openMs: 500, maxOpenMs: 1_000, probes: 3 };

/** What {@link CircuitBreaker.enter} says of a request that is not let through. */
export const REFUSED = -1;

/**
 * Stops asking a service that mostly fails (M. Nygard, Release It!, 2nd ed., ch. 5 "Circuit Breaker"), so that it can
 * recover and nobody waits for it. Each request enters and says how it ended with the number that it was given: what
 * began before a change says nothing about the time after it.
 *
 * While closed it costs a request a comparison and, at its end, a look at the clock and a counter.
 */
export class CircuitBreaker {
  readonly #options: typeof DEFAULTS;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #onChange: ((state: CircuitState) => void) | undefined;
  readonly #ended: SlidingCounts<'good' | 'bad'>;
  #state: CircuitState = 'closed';
  #era = 0;
  /** How often it opened since it was well. */
  #openings = 0;
  #closedAt = Number.NEGATIVE_INFINITY;
  #openUntil = 0;
  /** While half open: since when, how many were let through, and how many of them were good. */
  #probingSince = 0;
  #let = 0;
  #proven = 0;

  constructor(options: BreakerOptions = {}) {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.#options = { ...DEFAULTS, ...Object.fromEntries(given) };
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    this.#onChange = options.onChange;
    this.#ended = new SlidingCounts(['good', 'bad'], this.#options.windowMs, this.#now());
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** For how long it will certainly stay open, in ms. */
  get waitMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntil - this.#now()) : 0;
  }

  /** @returns what the request has to be ended with, {@link REFUSED} when it must not be sent */
  enter(): number {
    return this.#state === 'closed' ? this.#era : this.#probe();
  }

  #probe(): number {
    const now = this.#now();
    if (this.#state === 'open') {
      if (now < this.#openUntil) return REFUSED;
      this.#turn('half_open');
      this.#probingSince = now;
      this.#let = 0;
      this.#proven = 0;
    }
    // Probes that nothing is heard of must not keep it shut for ever.
    if (this.#let >= this.#options.probes && now - this.#probingSince > this.#options.windowMs) {
      this.#probingSince = now;
      this.#let = this.#proven;
    }
    if (this.#let >= this.#options.probes) return REFUSED;
    this.#let += 1;
    return this.#era;
  }

  /** A request was answered, and be it with a fault of its sender. */
  succeeded(era: number): void {
    if (era !== this.#era) return;
    if (this.#state === 'closed') {
      this.#ended.add('good', this.#now());
      return;
    }
    this.#proven += 1;
    if (this.#proven >= this.#options.probes) this.#close();
  }

  /** A request was not answered, or not by one who could. */
  failed(era: number): void {
    if (era !== this.#era) return;
    if (this.#state !== 'closed') {
      this.#open();
      return;
    }
    const now = this.#now();
    this.#ended.add('bad', now);
    const bad = this.#ended.sum('bad', now);
    const all = bad + this.#ended.sum('good', now);
    if (all >= this.#options.minVolume && bad >= all * this.#options.failureRate) this.#open();
  }

  /** A request ended in a way that says nothing. */
  left(era: number): void {
    if (era === this.#era && this.#state === 'half_open') this.#let = Math.max(this.#proven, this.#let - 1);
  }

  /** There is reason to believe that the service is back: the next request may try. */
  hurry(): void {
    if (this.#state === 'open') this.#openUntil = this.#now();
  }

  #open(): void {
    const now = this.#now();
    const { openMs, maxOpenMs, windowMs } = this.#options;
    if (this.#state === 'closed' && now - this.#closedAt > windowMs) this.#openings = 0;
    const ms = Math.min(openMs * 2 ** this.#openings, maxOpenMs);
    this.#openings = Math.min(this.#openings + 1, 30);
    this.#openUntil = now + ms * (0.75 + 0.5 * this.#random());
    this.#turn('open');
  }

  #close(): void {
    this.#closedAt = this.#now();
    this.#ended.clear();
    this.#turn('closed');
  }

  #turn(state: CircuitState): void {
    this.#state = state;
    this.#era += 1;
    this.#onChange?.(state);
  }
}
