/**
 * xoshiro128** 1.1 (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018): the same numbers on every
 * machine and with every version of Node.
 */
export class Random {
  readonly #state: Uint32Array;

  /** @param state not all zero */
  constructor(state: readonly [number, number, number, number]) {
    this.#state = Uint32Array.from(state);
  }

  /** A generator whose state is filled from one number by splitmix32. */
  static of(seed: number): Random {
    let at = seed >>> 0;
    const next = () => {
      at = (at + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(at ^ (at >>> 16), 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      return (mixed ^ (mixed >>> 16)) >>> 0;
    };
    return new Random([next(), next(), next(), next()]);
  }

  /** A whole number below 2^32. */
  next(): number {
    const state = this.#state;
    const first = state[0] as number;
    const second = state[1] as number;
    const third = (state[2] as number) ^ first;
    const fourth = (state[3] as number) ^ second;
    const result = Math.imul(rotate(Math.imul(second, 5), 7), 9) >>> 0;
    state[0] = first ^ fourth;
    state[1] = second ^ third;
    state[2] = third ^ (second << 9);
    state[3] = rotate(fourth, 11);
    return result;
  }

  /** At least 0, below 1, in steps of 2^-53. */
  share(): number {
    const high = this.next() >>> 5;
    const low = this.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** A whole number below `bound`. */
  below(bound: number): number {
    return Math.floor(this.share() * bound);
  }

  /** Puts a list in random order (Fisher and Yates). */
  shuffle(list: Uint32Array): void {
    for (let last = list.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      const kept = list[last] as number;
      list[last] = list[other] as number;
      list[other] = kept;
    }
  }
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
