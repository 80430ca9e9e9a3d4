import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FrequencySketch } from './frequency-sketch.js';

const SEED = 7;

describe('the frequency sketch', () => {
  it('never says less than there was, up to 15', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 900 }), fc.nat(), (keys, seed) => {
        // Halved after 1000 requests: not here.
        const sketch = new FrequencySketch(100, seed);
        const exact = new Map<number, number>();
        for (const key of keys) {
          exact.set(key, (exact.get(key) ?? 0) + 1);
          sketch.add(sketch.hash(`k${key}`));
        }
        for (const [key, count] of exact) {
          expect(sketch.count(sketch.hash(`k${key}`))).toBeGreaterThanOrEqual(Math.min(15, count));
          expect(sketch.count(sketch.hash(`k${key}`))).toBeLessThanOrEqual(15);
        }
      }),
    );
  });

  it('says more than there was of few', () => {
    const sketch = new FrequencySketch(1000, SEED);
    for (let key = 0; key < 9_000; key++) sketch.add(sketch.hash(`asked${key}`));
    const wrong = Array.from({ length: 1000 }, (_, key) => sketch.count(sketch.hash(`asked${key}`))).filter(
      (count) => count > 4,
    );
    expect(wrong.length).toBeLessThan(60);
  });

  it('halves every count after ten times as many requests as entries', () => {
    const sketch = new FrequencySketch(10, SEED);
    const [often, once, other] = ['often', 'once', 'other'].map((key) => sketch.hash(key)) as [number, number, number];
    sketch.add(once);
    for (let i = 0; i < 12; i++) sketch.add(often);
    for (let i = 13; i < 99; i++) sketch.add(sketch.hash(`filler${i}`));
    expect([sketch.count(often), sketch.count(once)]).toEqual([12, 1]);
    sketch.add(other);
    expect([sketch.count(often), sketch.count(once), sketch.count(other)]).toEqual([6, 0, 0]);
    // Half of the requests are still counted: the next time is after 50 more.
    for (let i = 0; i < 49; i++) sketch.add(sketch.hash(`more${i}`));
    expect(sketch.count(often)).toBe(6);
    sketch.add(sketch.hash('last'));
    expect(sketch.count(often)).toBe(3);
  });

  it('lets nobody know which keys share their counters', () => {
    const hashes = Array.from({ length: 20 }, () => new FrequencySketch(10).hash('key'));
    expect(new Set(hashes).size).toBeGreaterThan(18);
    expect(new FrequencySketch(10, SEED).hash('key')).toBe(new FrequencySketch(1000, SEED).hash('key'));
  });
});
