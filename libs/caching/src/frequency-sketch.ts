import { randomInt } from 'node:crypto';

const ROWS = 4;
/** One odd factor a row (from xxHash32), so that keys which share a counter in one row do not in the next. */
const FACTORS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const;
const COUNTERS_PER_ENTRY = 4;
const LEAST_BITS = 10;
/** What four bits can count. */
const MOST = 15;
const SAMPLE_PER_ENTRY = 10;
/** Halves four counters at once. */
const HALF = 0x7f7f7f7f;

/**
 * About how often each of very many keys was asked for lately, 0 to 15, in a fixed place: a count-min sketch of four
 * rows (Cormode and Muthukrishnan, 2005) whose counts are halved after ten times as many requests as the cache has
 * entries (Einziger, Friedman and Manes, "TinyLFU", 2017). It says too much at times, and never too little but for the
 * halving. It takes 16 to 32 bytes for each entry of the cache, at least 4 KiB.
 */
export class FrequencySketch {
  readonly #counters: Uint8Array;
  /** The same memory. */
  readonly #words: Uint32Array;
  readonly #bits: number;
  readonly #sample: number;
  readonly #seed: number;
  #added = 0;

  /**
   * @param entries of the cache whose requests are counted
   * @param seed by default nobody knows beforehand which keys share their counters
   */
  constructor(entries: number, seed: number = randomInt(2 ** 32)) {
    this.#bits = Math.max(LEAST_BITS, Math.ceil(Math.log2(entries * COUNTERS_PER_ENTRY)));
    this.#words = new Uint32Array((ROWS << this.#bits) / 4);
    this.#counters = new Uint8Array(this.#words.buffer);
    this.#sample = entries * SAMPLE_PER_ENTRY;
    this.#seed = seed;
  }

  /** What a key is counted by: FNV-1a, finished by the mixer of MurmurHash3. */
  hash(key: string): number {
    let hash = 0x811c9dc5 ^ this.#seed;
    for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  /** Counts one request. */
  add(hash: number): void {
    let counted = false;
    for (let row = 0; row < ROWS; row += 1) {
      const place = this.#place(row, hash);
      const count = this.#counters[place] ?? MOST;
      if (count >= MOST) continue;
      this.#counters[place] = count + 1;
      counted = true;
    }
    if (!counted) return;
    this.#added += 1;
    if (this.#added >= this.#sample) this.#halve();
  }

  /** About how many requests there were. */
  count(hash: number): number {
    let least = MOST;
    for (let row = 0; row < ROWS; row += 1) {
      const count = this.#counters[this.#place(row, hash)] ?? 0;
      if (count < least) least = count;
    }
    return least;
  }

  #place(row: number, hash: number): number {
    return (row << this.#bits) + (Math.imul(hash, FACTORS[row] ?? 1) >>> (32 - this.#bits));
  }

  #halve(): void {
    const words = this.#words;
    for (let at = 0; at < words.length; at += 1) words[at] = ((words[at] ?? 0) >>> 1) & HALF;
    this.#added >>>= 1;
  }
}
