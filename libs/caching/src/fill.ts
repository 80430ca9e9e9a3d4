import type { CacheFill, FreshAnswer, StoreOptions } from './cached-answer.js';
import type { Flight } from './flights.js';

/** What a fill was taken with. */
export interface FillTicket {
  readonly key: string;
  /** Place of the fill among all. */
  readonly begun: number;
  /** Of the fences, when it was taken. */
  readonly moment: number;
}

/** A {@link CacheFill} that lands the flight of those who wait for it. */
export class Fill implements CacheFill {
  #settled = false;
  #stored = false;

  constructor(
    readonly key: string,
    private readonly flight: Flight | undefined,
    private readonly keep: (answer: FreshAnswer, options: StoreOptions) => boolean,
  ) {}

  get stored(): boolean {
    return this.#stored;
  }

  store(answer: FreshAnswer, options: StoreOptions): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    try {
      this.#stored = this.keep(answer, options);
    } finally {
      this.flight?.land();
    }
    return this.#stored;
  }

  release(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.flight?.land();
  }

  releaseWith(response: { once(event: 'close', listener: () => void): unknown }): void {
    response.once('close', () => this.release());
  }
}
