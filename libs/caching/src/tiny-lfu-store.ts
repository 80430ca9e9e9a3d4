import { FrequencySketch } from './frequency-sketch.js';

/** Why a value left a {@link TinyLfuStore}: to make room, for a newer value of its key, or because it was told to. */
export type RemovalReason = 'evicted' | 'replaced' | 'deleted';

export interface TinyLfuStoreOptions<V> {
  /** Most values at a time, at least 1. */
  readonly maxEntries: number;
  /** Most bytes of all values together, as {@link TinyLfuStore.set} is told; at least 1. */
  readonly maxBytes: number;
  /** Told of every value that is no longer in the store, once it is out. Must neither throw nor change the store. */
  readonly onRemoved?: (value: V, reason: RemovalReason) => void;
  /** Of {@link FrequencySketch}; random by default. */
  readonly seed?: number;
}

/** Share of the store for new values, before they are judged. */
const WINDOW_SHARE = 0.01;
/** Share of the rest for values that were asked for there. */
const PROTECTED_SHARE = 0.8;

/**
 * Values by key, within a number of entries and a number of bytes.
 *
 * Who stays is decided by W-TinyLFU (Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission
 * Policy", ACM Transactions on Storage 13, 2017): a new value has a place in a small window, in the order of use. Who
 * has to leave the window is kept only when it was asked for more often, of late and as far as {@link FrequencySketch}
 * remembers, than what would have to go for it. What is kept is on probation until it is asked for again, and then
 * protected; both in the order of use, and those on probation go first. So what is asked for once does not push out
 * what is asked for often.
 *
 * Beyond the paper: where one value needs the room of several, it has to be asked for more often than all of them
 * together ("aggregated victims": Einziger, Eytan, Friedman and Manes, "Lightweight Robust Size Aware Cache
 * Management", ACM Transactions on Storage 18, 2022). The newest value always has its place. A new value for a present
 * key takes the place of the old one, and is not itself let go to make room for it.
 *
 * Reading makes no objects. Every operation takes constant time but for the number of values that go; now and then the
 * sketch is halved, which takes time in proportion to the size of the store.
 */
export class TinyLfuStore<V> {
  readonly #slots = new Map<string, Slot<V>>();
  readonly #sketch: FrequencySketch;
  readonly #window: Line<V>;
  readonly #probation = new Line<V>(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  readonly #protected: Line<V>;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #onRemoved: ((value: V, reason: RemovalReason) => void) | undefined;
  #bytes = 0;

  /** @throws RangeError for a bound that is no whole number above 0 */
  constructor({ maxEntries, maxBytes, onRemoved, seed }: TinyLfuStoreOptions<V>) {
    for (const bound of [maxEntries, maxBytes]) {
      if (!Number.isSafeInteger(bound) || bound < 1) throw new RangeError(`${bound} is no bound of a store`);
    }
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#onRemoved = onRemoved;
    this.#sketch = new FrequencySketch(maxEntries, seed);
    this.#window = new Line(atLeastOne(maxEntries * WINDOW_SHARE), maxBytes * WINDOW_SHARE);
    const rest = maxEntries - this.#window.maxEntries;
    this.#protected = new Line(atLeastOne(rest * PROTECTED_SHARE), maxBytes * (1 - WINDOW_SHARE) * PROTECTED_SHARE);
  }

  /** Values in the store. */
  get size(): number {
    return this.#slots.size;
  }

  /** What the values take together, as they were declared. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The value of a key, which is thereby worth keeping. */
  get(key: string): V | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    this.#sketch.add(slot.hash);
    this.#touch(slot);
    return slot.value;
  }

  /** The value of a key; looking does not count as use. */
  peek(key: string): V | undefined {
    return this.#slots.get(key)?.value;
  }

  /**
   * Keeps a value for the time being, and makes room for it.
   * @param bytes what the value takes, a whole number
   * @returns false, with nothing changed, when the value is larger than the store
   * @throws RangeError when `bytes` is no whole number of at least 0
   */
  set(key: string, value: V, bytes: number): boolean {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`${bytes} is no number of bytes`);
    if (bytes > this.#maxBytes) return false;
    const present = this.#slots.get(key);
    if (present === undefined) this.#add(key, value, bytes);
    else this.#replace(present, value, bytes);
    return true;
  }

  /** @returns whether the key had a value */
  delete(key: string): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    this.#remove(slot, 'deleted');
    return true;
  }

  /** Lets every value go. How often keys were asked for is still known. */
  clear(): void {
    for (const slot of this.#slots.values()) this.#remove(slot, 'deleted');
  }

  #touch(slot: Slot<V>): void {
    const line = slot.line === this.#window ? this.#window : this.#protected;
    if (line.last !== slot) {
      slot.line.remove(slot);
      line.append(slot);
    }
    if (line === this.#window) return;
    // Also behind the last one: a larger value may have come in its place.
    for (let first = line.first; first !== undefined && first !== slot && line.isOver; first = line.first) {
      line.remove(first);
      this.#probation.append(first);
    }
  }

  #add(key: string, value: V, bytes: number): void {
    const window = this.#window;
    const slot = new Slot(key, this.#sketch.hash(key), value, bytes, window);
    this.#sketch.add(slot.hash);
    this.#slots.set(key, slot);
    window.append(slot);
    this.#bytes += bytes;
    for (let first = window.first; first !== undefined && first !== slot && window.isOver; first = window.first) {
      this.#judge(first);
    }
    this.#makeRoom(slot);
  }

  #replace(slot: Slot<V>, value: V, bytes: number): void {
    const old = slot.value;
    const growth = bytes - slot.bytes;
    slot.value = value;
    slot.bytes = bytes;
    slot.line.bytes += growth;
    this.#bytes += growth;
    this.#onRemoved?.(old, 'replaced');
    this.#makeRoom(slot);
  }

  /** Decides on one that has to leave the window. */
  #judge(candidate: Slot<V>): void {
    if (!this.#isOver || this.#isWorthMore(candidate)) {
      this.#window.remove(candidate);
      this.#probation.append(candidate);
      this.#makeRoom(candidate);
    } else {
      this.#remove(candidate, 'evicted');
    }
  }

  /** Whether it is asked for more often than all together that would have to go for it. */
  #isWorthMore(candidate: Slot<V>): boolean {
    let advantage = this.#sketch.count(candidate.hash);
    let entries = this.#slots.size - this.#maxEntries;
    let bytes = this.#bytes - this.#maxBytes;
    let victim = this.#probation.first ?? this.#protected.first;
    while (victim !== undefined) {
      advantage -= this.#sketch.count(victim.hash);
      if (advantage <= 0) return false;
      entries -= 1;
      bytes -= victim.bytes;
      if (entries <= 0 && bytes <= 0) return true;
      victim = victim.after ?? (victim.line === this.#probation ? this.#protected.first : undefined);
    }
    return false;
  }

  get #isOver(): boolean {
    return this.#slots.size > this.#maxEntries || this.#bytes > this.#maxBytes;
  }

  /** Lets others go until all fits. */
  #makeRoom(kept: Slot<V>): void {
    while (this.#isOver) {
      const victim = this.#probation.firstBut(kept) ?? this.#protected.firstBut(kept) ?? this.#window.firstBut(kept);
      if (victim === undefined) return;
      this.#remove(victim, 'evicted');
    }
  }

  #remove(slot: Slot<V>, reason: RemovalReason): void {
    slot.line.remove(slot);
    this.#slots.delete(slot.key);
    this.#bytes -= slot.bytes;
    this.#onRemoved?.(slot.value, reason);
  }
}

class Slot<V> {
  before: Slot<V> | undefined = undefined;
  after: Slot<V> | undefined = undefined;

  constructor(
    readonly key: string,
    readonly hash: number,
    public value: V,
    public bytes: number,
    public line: Line<V>,
  ) {}
}

/** The least recently used first. */
class Line<V> {
  first: Slot<V> | undefined = undefined;
  last: Slot<V> | undefined = undefined;
  entries = 0;
  bytes = 0;

  constructor(
    readonly maxEntries: number,
    readonly maxBytes: number,
  ) {}

  get isOver(): boolean {
    return this.entries > this.maxEntries || this.bytes > this.maxBytes;
  }

  firstBut(other: Slot<V>): Slot<V> | undefined {
    return this.first === other ? other.after : this.first;
  }

  append(slot: Slot<V>): void {
    slot.line = this;
    slot.before = this.last;
    slot.after = undefined;
    if (this.last === undefined) this.first = slot;
    else this.last.after = slot;
    this.last = slot;
    this.entries += 1;
    this.bytes += slot.bytes;
  }

  remove(slot: Slot<V>): void {
    const { before, after } = slot;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    this.entries -= 1;
    this.bytes -= slot.bytes;
  }
}

function atLeastOne(places: number): number {
  return Math.max(1, Math.floor(places));
}
