import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FrequencySketch } from './frequency-sketch.js';
import { type RemovalReason, TinyLfuStore } from './tiny-lfu-store.js';

type Removal = readonly [value: string, reason: RemovalReason];

/** With this seed no two letters share a counter. */
const SEED = 1;
const KEYS = 'abcdefghijkl';

function make(maxEntries: number, maxBytes = 1_000_000) {
  const removed: Removal[] = [];
  const store = new TinyLfuStore<string>({
    maxEntries,
    maxBytes,
    onRemoved: (value, reason) => removed.push([value, reason]),
    seed: SEED,
  });
  return { store, removed };
}

/** Sets every key to its own name. */
const fill = (store: TinyLfuStore<string>, keys: string, bytes = 1) => {
  for (const key of keys) store.set(key, key, bytes);
};
const held = (store: TinyLfuStore<string>, keys = KEYS) => [...keys].filter((key) => store.peek(key) !== undefined);

interface Cell {
  readonly key: string;
  value: string;
  bytes: number;
}

/**
 * The published algorithm on plain lists, the least recently used first: a window, and a segmented LRU that admits who
 * was asked for more often than its victims.
 */
class Model {
  readonly removed: Removal[] = [];
  readonly #window: Cell[] = [];
  readonly #probation: Cell[] = [];
  readonly #protected: Cell[] = [];
  readonly #sketch: FrequencySketch;
  readonly #windowSize: number;
  readonly #protectedSize: number;

  constructor(
    readonly maxEntries: number,
    readonly maxBytes: number,
  ) {
    this.#sketch = new FrequencySketch(maxEntries, SEED);
    this.#windowSize = Math.max(1, Math.floor(0.01 * maxEntries));
    this.#protectedSize = Math.max(1, Math.floor(0.8 * (maxEntries - this.#windowSize)));
  }

  get #all(): Cell[] {
    return [...this.#probation, ...this.#protected, ...this.#window];
  }

  get size(): number {
    return this.#all.length;
  }

  get bytes(): number {
    return sum(this.#all);
  }

  peek(key: string): string | undefined {
    return this.#all.find((cell) => cell.key === key)?.value;
  }

  get(key: string): string | undefined {
    const cell = this.#all.find((one) => one.key === key);
    if (cell === undefined) return undefined;
    this.#add(key);
    if (take(this.#window, cell)) this.#window.push(cell);
    else {
      if (!take(this.#probation, cell)) take(this.#protected, cell);
      this.#protected.push(cell);
      while (isOver(this.#protected, this.#protectedSize, this.maxBytes * 0.99 * 0.8)) {
        this.#probation.push(this.#protected.shift() as Cell);
      }
    }
    return cell.value;
  }

  set(key: string, value: string, bytes: number): boolean {
    if (bytes > this.maxBytes) return false;
    const present = this.#all.find((cell) => cell.key === key);
    if (present !== undefined) {
      this.removed.push([present.value, 'replaced']);
      Object.assign(present, { value, bytes });
      this.#makeRoom(present);
      return true;
    }
    this.#add(key);
    const newest = { key, value, bytes };
    this.#window.push(newest);
    while (isOver(this.#window, this.#windowSize, this.maxBytes * 0.01)) this.#judge(this.#window[0] as Cell);
    this.#makeRoom(newest);
    return true;
  }

  delete(key: string): boolean {
    const cell = this.#all.find((one) => one.key === key);
    if (cell !== undefined) this.#remove(cell, 'deleted');
    return cell !== undefined;
  }

  #add(key: string): void {
    this.#sketch.add(this.#sketch.hash(key));
  }

  #count({ key }: Cell): number {
    return this.#sketch.count(this.#sketch.hash(key));
  }

  get #isOver(): boolean {
    return this.size > this.maxEntries || this.bytes > this.maxBytes;
  }

  #judge(candidate: Cell): void {
    const victims: Cell[] = [];
    for (const cell of [...this.#probation, ...this.#protected]) {
      const fits = this.size - victims.length <= this.maxEntries && this.bytes - sum(victims) <= this.maxBytes;
      if (fits) break;
      victims.push(cell);
    }
    const fits = this.size - victims.length <= this.maxEntries && this.bytes - sum(victims) <= this.maxBytes;
    const against = victims.reduce((total, victim) => total + this.#count(victim), 0);
    if (!fits || (victims.length > 0 && this.#count(candidate) <= against)) {
      this.#remove(candidate, 'evicted');
      return;
    }
    for (const victim of victims) this.#remove(victim, 'evicted');
    take(this.#window, candidate);
    this.#probation.push(candidate);
  }

  #makeRoom(kept: Cell): void {
    while (this.#isOver) this.#remove(this.#all.find((cell) => cell !== kept) as Cell, 'evicted');
  }

  #remove(cell: Cell, reason: RemovalReason): void {
    for (const line of [this.#window, this.#probation, this.#protected]) take(line, cell);
    this.removed.push([cell.value, reason]);
  }
}

function take(line: Cell[], cell: Cell): boolean {
  const at = line.indexOf(cell);
  if (at === -1) return false;
  line.splice(at, 1);
  return true;
}

/** The newest of a line stays in any case. */
function isOver(line: readonly Cell[], most: number, mostBytes: number): boolean {
  return line.length > 1 && (line.length > most || sum(line) > mostBytes);
}

function sum(cells: readonly Cell[]): number {
  return cells.reduce((total, { bytes }) => total + bytes, 0);
}

type Step =
  | { readonly do: 'set'; readonly key: string; readonly bytes: number }
  | { readonly do: 'get' | 'peek' | 'delete'; readonly key: string };

function stepsOf(key: fc.Arbitrary<string>, bytes: fc.Arbitrary<number>, most: number): fc.Arbitrary<Step[]> {
  const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('set'), key, bytes }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('get'), key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('peek'), key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete'), key }) },
  );
  return fc.array(step, { minLength: most / 5, maxLength: most, size: 'max' });
}

/** Does the same with the store and with the model. */
function compare(steps: readonly Step[], { entries, bytes }: { entries: number; bytes: number }): void {
  const { store, removed } = make(entries, bytes);
  const model = new Model(entries, bytes);
  for (const [index, at] of steps.entries()) {
    const told = [store, model].map((one) =>
      at.do === 'set' ? one.set(at.key, `${at.key}=${index}`, at.bytes) : one[at.do](at.key),
    );
    if (told[0] !== told[1]) expect(told[0]).toBe(told[1]);
    if (store.size !== model.size || store.bytes !== model.bytes) {
      expect([store.size, store.bytes]).toEqual([model.size, model.bytes]);
    }
    if (store.size > entries || store.bytes > bytes) throw new Error(`out of bounds: ${store.size}, ${store.bytes}`);
    if (at.do === 'set' && at.bytes <= bytes && store.peek(at.key) === undefined) throw new Error('the newest is gone');
  }
  expect(removed).toEqual(model.removed);
  const keys = [...new Set(steps.map(({ key }) => key))];
  expect(keys.map((key) => store.peek(key))).toEqual(keys.map((key) => model.peek(key)));
}

describe('who stays', () => {
  it('is who was asked for more often, however many come once', () => {
    const { store, removed } = make(4);
    fill(store, 'abc');
    for (const key of 'ab') store.get(key);
    fill(store, 'defghij');
    expect(held(store)).toEqual(['a', 'b', 'c', 'j']);
    expect(removed).toEqual([...'defghi'].map((key) => [key, 'evicted']));
  });

  it('is who comes again, also when it was let go before', () => {
    const { store } = make(4);
    fill(store, 'abcd');
    fill(store, 'e');
    expect(held(store)).toEqual(['a', 'b', 'c', 'e']);
    fill(store, 'd');
    fill(store, 'f');
    expect(held(store)).toEqual(['b', 'c', 'd', 'f']);
  });

  it('is not who was asked for long ago', () => {
    const { store } = make(4);
    fill(store, 'abc');
    for (let i = 0; i < 8; i++) store.get('a');
    for (let i = 0; i < 50; i++) {
      for (const key of 'defg') if (store.get(key) === undefined) fill(store, key);
    }
    expect(held(store, 'abc')).toEqual([]);
  });

  it('is nobody for being looked at', () => {
    const { store } = make(3);
    fill(store, 'abc');
    for (let i = 0; i < 5; i++) store.peek('c');
    fill(store, 'd');
    expect(held(store)).toEqual(['a', 'b', 'd']);
  });

  it('is no longer protected beside one that has grown too large for both, once that is asked for', () => {
    const { store, removed } = make(5, 12);
    fill(store, 'abc', 1);
    for (const key of 'ab') store.get(key);
    store.set('b', 'B', 10);
    store.get('b');
    fill(store, 'd', 0);
    // `a` has been on probation since, and `c` has come behind it.
    fill(store, 'e', 1);
    expect(held(store)).toEqual(['b', 'c', 'e']);
    expect(removed.slice(1)).toEqual([
      ['d', 'evicted'],
      ['a', 'evicted'],
    ]);
  });

  it('is who the published algorithm keeps, whatever happens', () => {
    const sizes = fc.oneof(fc.nat(12), fc.integer({ min: 20, max: 60 }));
    const bounds = fc.record({ entries: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 12, max: 60 }) });
    fc.assert(fc.property(stepsOf(fc.constantFrom(...KEYS), sizes, 250), bounds, compare), { numRuns: 500 });
  });

  it('is who the published algorithm keeps, with a window of several', () => {
    const bounds = fc.record({
      entries: fc.integer({ min: 300, max: 400 }),
      bytes: fc.integer({ min: 1000, max: 4000 }),
    });
    // Small numbers more often than large ones.
    const key = fc.tuple(fc.nat(24), fc.nat(24)).map(([a, b]) => `k${a * b}`);
    fc.assert(fc.property(stepsOf(key, fc.nat(30), 1_500), bounds, compare), { numRuns: 5 });
  });
});

describe('room', () => {
  it.each([
    [2, ['b', 'c', 'z']],
    [3, ['c', 'y', 'z']],
  ])('is kept after %d requests, where two that were asked for once would have to go: %j', (times, expected) => {
    const { store } = make(10, 100);
    fill(store, 'abcy', 25);
    for (let i = 1; i < times; i++) store.get('y');
    // z has its place in any case; y is judged when it comes.
    store.set('z', 'z', 50);
    expect(held(store, 'abcyz')).toEqual(expected);
  });

  it('is there for the newest value, at the cost of those on probation', () => {
    const { store, removed } = make(10, 100);
    fill(store, 'abcd', 25);
    store.get('a');
    expect(store.set('e', 'e', 50)).toBe(true);
    expect([store.peek('e'), store.peek('a'), store.bytes]).toEqual(['e', 'a', 100]);
    expect(removed).toHaveLength(2);
  });

  it('is made by others for a value that grows, and kept for one that shrinks', () => {
    const { store, removed } = make(10, 100);
    fill(store, 'abcd', 25);
    store.set('a', 'A', 60);
    expect(removed).toEqual([
      ['a', 'replaced'],
      ['b', 'evicted'],
      ['c', 'evicted'],
    ]);
    store.set('a', 'tiny', 1);
    expect([store.peek('a'), store.bytes]).toEqual(['tiny', 26]);
  });

  it('is not made for what is larger than all of it', () => {
    const { store, removed } = make(10, 100);
    fill(store, 'abcd', 25);
    expect([store.set('e', 'e', 101), store.set('a', 'A', 101)]).toEqual([false, false]);
    expect([held(store), store.peek('a'), removed]).toEqual([['a', 'b', 'c', 'd'], 'a', []]);
    expect(store.set('e', 'e', 100)).toBe(true);
    expect([held(store), store.bytes]).toEqual([['e'], 100]);
  });

  it('is all there again after everything was deleted or cleared', () => {
    const { store, removed } = make(3);
    for (const empty of [() => store.clear(), () => [...'cab'].map((key) => store.delete(key))]) {
      fill(store, 'abc');
      store.get('a');
      empty();
      expect([store.size, store.bytes, held(store)]).toEqual([0, 0, []]);
      expect(removed.splice(0).filter(([, reason]) => reason === 'deleted')).toHaveLength(3);
      expect(store.delete('a')).toBe(false);
    }
    fill(store, 'abc');
    expect(held(store)).toEqual(['a', 'b', 'c']);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('has no bound of %p', (bound) => {
    expect(() => make(bound)).toThrow(RangeError);
    expect(() => make(1, bound)).toThrow(RangeError);
  });

  it.each([-1, 0.5, Number.NaN])('is not given to a value of %p bytes', (bytes) => {
    const { store } = make(1);
    expect(() => store.set('a', 'a', bytes)).toThrow(RangeError);
    expect(store.size).toBe(0);
  });
});
