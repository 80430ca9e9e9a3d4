/** Work for one key that others wait for. */
export class Flight {
  #landing: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #landed = false;

  constructor(
    readonly key: string,
    /** Tags of what is being made, and the moment it began: who comes after an invalidation does not join. */
    readonly tags: readonly string[],
    readonly moment: number,
    /** Milliseconds since the epoch. */
    readonly startedAt: number,
    private readonly onLanded: (flight: Flight) => void,
  ) {}

  get landed(): boolean {
    return this.#landed;
  }

  /** Resolves when the work has landed, at the latest after `ms` counted from the first waiter. */
  wait(ms: number): Promise<void> {
    if (this.#landed) return Promise.resolve();
    if (this.#landing === undefined) {
      this.#landing = new Promise((wake) => {
        this.#wake = wake;
      });
      // One timer for all who wait, and none where nobody does.
      this.#timer = setTimeout(() => this.land(), Math.max(0, ms)).unref();
    }
    return this.#landing;
  }

  /** Lets everyone go on who waits; the work itself may go on too, but nobody joins it any more. */
  land(): void {
    if (this.#landed) return;
    this.#landed = true;
    clearTimeout(this.#timer);
    this.onLanded(this);
    this.#wake?.();
  }
}

/** Flights of abandoned work that are looked for when a new one starts. */
const SWEEP_STEPS = 2;

/** At most one flight per key. */
export class Flights {
  readonly #flights = new Map<string, Flight>();
  readonly #maxMs: number;

  /** @param maxMs how long a flight may keep others waiting */
  constructor(maxMs: number) {
    this.#maxMs = maxMs;
  }

  get size(): number {
    return this.#flights.size;
  }

  get(key: string): Flight | undefined {
    return this.#flights.get(key);
  }

  /** Starts a flight; one of the same key goes on without new followers. */
  start(key: string, tags: readonly string[], moment: number, now: number): Flight {
    this.#sweep(now);
    const flight = new Flight(key, tags, moment, now, this.#forget);
    this.#flights.delete(key);
    this.#flights.set(key, flight);
    return flight;
  }

  /** How long somebody who comes now waits for a flight, in ms. */
  patience(flight: Flight, now: number): number {
    return Math.min(this.#maxMs, Math.max(0, flight.startedAt + this.#maxMs - now));
  }

  /** Whether a flight has had its time. */
  overdue(flight: Flight, now: number): boolean {
    return now - flight.startedAt >= this.#maxMs;
  }

  /** Leaders that never told their end have no timer: they are found from the oldest on, a few at a time. */
  #sweep(now: number): void {
    let steps = SWEEP_STEPS;
    for (const flight of this.#flights.values()) {
      if (steps-- === 0 || !this.overdue(flight, now)) return;
      flight.land();
    }
  }

  readonly #forget = (flight: Flight): void => {
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
  };
}
