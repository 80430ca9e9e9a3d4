const SLOTS = 10;

/**
 * Counts of a few kinds of events over a sliding window, in ten slots: what is older than the window is forgotten a tenth
 * of it at a time.
 */
export class SlidingCounts<Kind extends string> {
  readonly #slotMs: number;
  readonly #counts: ReadonlyMap<Kind, number[]>;
  #slot: number;

  /** @param now milliseconds, monotonic, as for all other members */
  constructor(kinds: readonly Kind[], windowMs: number, now: number) {
    this.#slotMs = windowMs / SLOTS;
    this.#counts = new Map(kinds.map((kind) => [kind, new Array<number>(SLOTS).fill(0)]));
    this.#slot = Math.floor(now / this.#slotMs);
  }

  add(kind: Kind, now: number): void {
    this.#forget(now);
    const counts = this.#of(kind);
    const at = this.#slot % SLOTS;
    counts[at] = (counts[at] as number) + 1;
  }

  sum(kind: Kind, now: number): number {
    this.#forget(now);
    let total = 0;
    for (const count of this.#of(kind)) total += count;
    return total;
  }

  clear(): void {
    for (const counts of this.#counts.values()) counts.fill(0);
  }

  #of(kind: Kind): number[] {
    return this.#counts.get(kind) as number[];
  }

  #forget(now: number): void {
    const slot = Math.floor(now / this.#slotMs);
    const passed = Math.min(SLOTS, slot - this.#slot);
    if (passed <= 0) return;
    for (const counts of this.#counts.values()) {
      for (let i = 1; i <= passed; i++) counts[(this.#slot + i) % SLOTS] = 0;
    }
    this.#slot = slot;
  }
}
