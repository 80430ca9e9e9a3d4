import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RecentMap } from './recent-map.js';

describe('a map of what was used lately', () => {
  test('knows the last entries, never another value, and never more than two generations', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.tuple(fc.nat(30), fc.boolean())), (size, actions) => {
        const map = new RecentMap<number, string>(size);
        const held = new Map<number, string>();
        let order: number[] = [];
        let version = 0;
        for (const [key, write] of actions) {
          if (write) {
            held.set(key, `${key}.${++version}`);
            map.set(key, held.get(key) as string);
            order = [...order.filter((other) => other !== key), key];
          } else {
            const found = map.get(key);
            if (found !== undefined) {
              expect(found).toBe(held.get(key));
              order = [...order.filter((other) => other !== key), key];
            } else expect(order.slice(-size)).not.toContain(key);
          }
        }
        const known = [...held.keys()].filter((key) => map.get(key) !== undefined);
        expect(known.length).toBeLessThanOrEqual(2 * size);
      }),
    );
  });

  test('forgets what it is told to, in whichever generation it lies', () => {
    const map = new RecentMap<string, number>(2);
    for (const [i, key] of ['a', 'b', 'c'].entries()) map.set(key, i);
    map.delete('a');
    map.delete('c');
    expect(['a', 'b', 'c'].map((key) => map.get(key))).toEqual([undefined, 1, undefined]);
  });
});
