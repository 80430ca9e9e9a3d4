/**
 * Hits of the best that is possible with so many entries (Belady, "A study of replacement algorithms for a virtual-storage
 * computer", 1966): what is asked for again last goes first, the one just asked for included.
 */
export function optimalHits(trace: Uint32Array, capacity: number): number {
  const again = nextRequests(trace);
  // What is held, by the place of its next request. Places that have passed are smaller than all to come, so they stay
  // at the bottom and are never taken for the last one.
  const places = new LargestFirst(trace.length);
  const held = new Set<number>();
  let hits = 0;
  for (const [index, key] of trace.entries()) {
    const next = again[index] as number;
    if (held.has(key)) hits += 1;
    if (next === NEVER) {
      held.delete(key);
      continue;
    }
    held.add(key);
    places.push(next);
    if (held.size > capacity) held.delete(trace[places.pop()] as number);
  }
  return hits;
}

const NEVER = 2 ** 32 - 1;

/** Where each request's key is asked for again. */
function nextRequests(trace: Uint32Array): Uint32Array {
  const next = new Uint32Array(trace.length);
  const seen = new Map<number, number>();
  for (let index = trace.length - 1; index >= 0; index -= 1) {
    const key = trace[index] as number;
    next[index] = seen.get(key) ?? NEVER;
    seen.set(key, index);
  }
  return next;
}

/** A binary heap of numbers. */
class LargestFirst {
  readonly #heap: Uint32Array;
  #size = 0;

  constructor(most: number) {
    this.#heap = new Uint32Array(most);
  }

  push(value: number): void {
    let at = this.#size;
    this.#size += 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = this.#heap[parent] as number;
      if (above >= value) break;
      this.#heap[at] = above;
      at = parent;
    }
    this.#heap[at] = value;
  }

  pop(): number {
    const heap = this.#heap;
    const largest = heap[0] as number;
    this.#size -= 1;
    const value = heap[this.#size] as number;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && (heap[child + 1] as number) > (heap[child] as number)) child += 1;
      if ((heap[child] as number) <= value) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = value;
    return largest;
  }
}
