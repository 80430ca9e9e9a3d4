class Slot<V> {
  /** It was read since the hand last came by. */
  marked = false;
  newer: Slot<V> | undefined = undefined;
  readonly key: string;
  readonly value: V;
  readonly bytes: number;

  constructor(key: string, value: V, bytes: number) {
    this.key = key;
    this.value = value;
    this.bytes = bytes;
  }
}

/**
 * SIEVE (Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction Algorithm for
 * Web Caches", NSDI '24, algorithm 1), as short as it can be: for comparison only.
 *
 * Entries stand in the order in which they came, and reading one marks it and moves nothing. To make room a hand walks
 * from the oldest towards the newest: it takes the mark off those that have one, and lets the first go that has none.
 */
export class Sieve<V> {
  readonly #slots = new Map<string, Slot<V>>();
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #onRemoved: (value: V) => void;
  #bytes = 0;
  #newest: Slot<V> | undefined;
  #oldest: Slot<V> | undefined;
  /** The one that the hand has passed last; none: it is before the oldest. */
  #passed: Slot<V> | undefined;

  constructor(options: { maxEntries: number; maxBytes: number; onRemoved: (value: V) => void }) {
    this.#maxEntries = options.maxEntries;
    this.#maxBytes = options.maxBytes;
    this.#onRemoved = options.onRemoved;
  }

  get(key: string): V | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    slot.marked = true;
    return slot.value;
  }

  /** Keeps the value of a key that has none, of at most the bytes of the cache. */
  set(key: string, value: V, bytes: number): void {
    while (this.#slots.size >= this.#maxEntries || this.#bytes + bytes > this.#maxBytes) this.#letOneGo();
    const slot = new Slot(key, value, bytes);
    if (this.#newest === undefined) this.#oldest = slot;
    else this.#newest.newer = slot;
    this.#newest = slot;
    this.#slots.set(key, slot);
    this.#bytes += bytes;
  }

  #letOneGo(): void {
    let slot = this.#passed === undefined ? this.#oldest : this.#passed.newer;
    while (slot === undefined || slot.marked) {
      // Past the newest the walk begins again.
      if (slot !== undefined) slot.marked = false;
      this.#passed = slot;
      slot = slot === undefined ? this.#oldest : slot.newer;
    }
    if (this.#passed === undefined) this.#oldest = slot.newer;
    else this.#passed.newer = slot.newer;
    if (this.#newest === slot) {
      this.#newest = this.#passed;
      this.#passed = undefined;
    }
    this.#slots.delete(slot.key);
    this.#bytes -= slot.bytes;
    this.#onRemoved(slot.value);
  }
}
