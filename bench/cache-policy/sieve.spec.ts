import fc from 'fast-check';
import { Sieve } from './sieve.ts';

/** Algorithm 1 of the paper in its own words: T from the head (newest) to the tail, and a hand. @returns who went, in order */
function published(requests: readonly string[], capacity: number): string[] {
  const queue: { key: string; visited: boolean }[] = [];
  const gone: string[] = [];
  let hand: { key: string; visited: boolean } | undefined;
  for (const key of requests) {
    const x = queue.find((one) => one.key === key);
    if (x !== undefined) {
      x.visited = true;
      continue;
    }
    if (queue.length === capacity) {
      let o = hand ?? queue.at(-1);
      while (o?.visited) {
        o.visited = false;
        o = queue[queue.indexOf(o) - 1] ?? queue.at(-1);
      }
      if (o === undefined) throw new Error('nobody to let go');
      hand = queue[queue.indexOf(o) - 1];
      queue.splice(queue.indexOf(o), 1);
      gone.push(o.key);
    }
    queue.unshift({ key, visited: false });
  }
  return gone;
}

describe('SIEVE', () => {
  it('lets go whom the published algorithm does, in the same order', () => {
    const requests = fc.array(fc.constantFrom(...'abcdefghij'), { maxLength: 200 });
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 7 }), (keys, capacity) => {
        const gone: string[] = [];
        const sieve = new Sieve<string>({ maxEntries: capacity, maxBytes: 100, onRemoved: (key) => gone.push(key) });
        for (const key of keys) {
          if (sieve.get(key) === undefined) sieve.set(key, key, 1);
        }
        expect(gone).toEqual(published(keys, capacity));
      }),
      { numRuns: 500 },
    );
  });

  it('lets as many go as the bytes need', () => {
    const gone: string[] = [];
    const sieve = new Sieve<string>({ maxEntries: 10, maxBytes: 100, onRemoved: (key) => gone.push(key) });
    for (const key of 'abcd') sieve.set(key, key, 25);
    sieve.get('a');
    sieve.set('e', 'e', 50);
    expect(gone).toEqual(['b', 'c']);
  });
});
