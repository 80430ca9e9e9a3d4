import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TagFences } from './tag-fences.js';

const TAGS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const raises = fc.array(fc.subarray(TAGS, { minLength: 1, maxLength: 3 }), { maxLength: 60 });

describe('fences', () => {
  it('never call stale work fresh, and are exact for the tags they remember', () => {
    fc.assert(
      fc.property(
        raises,
        fc.subarray(TAGS, { minLength: 1 }),
        fc.nat(60),
        fc.integer({ min: 1, max: 20 }),
        (happened, tags, at, max) => {
          const fences = new TagFences(max);
          let moment = 0;
          const since = new Set<string>();
          for (const [i, raised] of happened.entries()) {
            if (i === at) moment = fences.now;
            if (i >= at) for (const tag of raised) since.add(tag);
            fences.raise(raised);
            expect(fences.size).toBeLessThanOrEqual(Math.max(2, max));
          }
          if (at >= happened.length) moment = fences.now;
          const truth = tags.some((tag) => since.has(tag));
          const said = fences.stale(tags, moment);
          if (truth) expect(said).toBe(true);
          else if (since.size < Math.max(1, max >> 1)) expect(said).toBe(false);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('hold all work that began before everything was raised, tags or none', () => {
    const fences = new TagFences(10);
    const before = fences.now;
    fences.raiseAll();
    expect([fences.stale([], before), fences.stale(['a'], before), fences.stale(['a'], fences.now)]).toEqual([
      true,
      true,
      false,
    ]);
    fences.raise(['b']);
    expect([fences.stale(['a'], fences.now - 1), fences.stale(['b'], fences.now - 1)]).toEqual([false, true]);
  });
});
