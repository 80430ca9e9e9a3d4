import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LocalRateLimiter } from './local-rate-limiter.js';
import type { RateDecision } from './rate-limiter.js';

class FakeClock {
  ms = 1_700_000_000_000;
  now = () => this.ms;
}

function make(maxKeys?: number) {
  const clock = new FakeClock();
  return { clock, limiter: new LocalRateLimiter({ clock, maxKeys }) };
}

describe('a window', () => {
  it('starts at the first counted request and ends windowMs later, to the millisecond', () => {
    const { clock, limiter } = make();
    clock.ms += 31_234;
    const start = clock.ms;
    expect(limiter.consume('k', 2, 60_000)).toEqual({ allowed: true, limit: 2, remaining: 1, resetSeconds: 60 });
    clock.ms = start + 59_000;
    expect(limiter.consume('k', 2, 60_000)).toEqual({ allowed: true, limit: 2, remaining: 0, resetSeconds: 1 });
    clock.ms = start + 59_999;
    expect(limiter.consume('k', 2, 60_000)).toEqual({ allowed: false, limit: 2, remaining: 0, resetSeconds: 1 });
    clock.ms = start + 60_000;
    expect(limiter.consume('k', 2, 60_000)).toEqual({ allowed: true, limit: 2, remaining: 1, resetSeconds: 60 });
  });

  it('is not extended by refused requests', () => {
    const { clock, limiter } = make();
    limiter.consume('k', 1, 60_000);
    for (let second = 1; second < 60; second++) {
      clock.ms += 1000;
      expect(limiter.consume('k', 1, 60_000)).toEqual({
        allowed: false,
        limit: 1,
        remaining: 0,
        resetSeconds: 60 - second,
      });
    }
    clock.ms += 1000;
    expect(limiter.consume('k', 1, 60_000).allowed).toBe(true);
  });

  it('shows whole seconds, never 0, on a clock with fractions', () => {
    const { clock, limiter } = make();
    clock.ms = 1_763_000_000_000.123;
    expect(limiter.consume('k', 2, 60_000).resetSeconds).toBe(60);
    clock.ms = 1_763_000_059_999.9;
    expect(limiter.consume('k', 2, 60_000).resetSeconds).toBe(1);
  });

  it('passes exactly the limit of three times as many concurrent requests, per key', async () => {
    const limiter = new LocalRateLimiter();
    const request = async (key: string): Promise<RateDecision> => {
      await Promise.resolve();
      return limiter.consume(key, 1000, 60_000);
    };
    const answers = await Promise.all(
      Array.from({ length: 6000 }, (_, i) => request(i % 2 === 0 ? 'a' : 'b').then((d) => [i % 2, d] as const)),
    );
    for (const half of [0, 1]) {
      const passed = answers
        .filter(([of, decision]) => of === half && decision.allowed)
        .map(([, decision]) => decision.remaining);
      expect(passed.sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    }
  });

  it('keeps its count and its end when the limit changes', () => {
    const { clock, limiter } = make();
    for (let i = 0; i < 3; i++) limiter.consume('k', 3, 60_000);
    clock.ms += 10_000;
    expect(limiter.consume('k', 3, 60_000).allowed).toBe(false);
    expect(limiter.consume('k', 5, 60_000)).toEqual({ allowed: true, limit: 5, remaining: 1, resetSeconds: 50 });
    expect(limiter.consume('k', 2, 60_000)).toEqual({ allowed: false, limit: 2, remaining: 0, resetSeconds: 50 });
    expect(limiter.consume('k', 5, 60_000)).toEqual({ allowed: true, limit: 5, remaining: 0, resetSeconds: 50 });
  });

  it('is not opened by a limit that lets nothing pass', () => {
    const { limiter } = make();
    expect(limiter.consume('k', 0, 60_000)).toEqual({ allowed: false, limit: 0, remaining: 0, resetSeconds: 60 });
    expect(limiter.size).toBe(0);
  });

  it('does not follow steps of the system clock', () => {
    const limiter = new LocalRateLimiter();
    const real = Date.now;
    limiter.consume('k', 1, 60_000);
    try {
      Date.now = () => real() + 3_600_000;
      expect(limiter.consume('k', 1, 60_000).allowed).toBe(false);
    } finally {
      Date.now = real;
    }
  });
});

/** The contract in its plainest form: nothing is swept, nothing is shared. */
class Model {
  readonly windows = new Map<string, { count: number; end: number; opened: number }>();
  #opened = 0;

  consume(now: number, key: string, limit: number, windowMs: number, maxKeys = Number.POSITIVE_INFINITY): RateDecision {
    const held = this.windows.get(key);
    if (!held || held.end <= now) {
      if (limit < 1) return { allowed: false, limit, remaining: 0, resetSeconds: Math.ceil(windowMs / 1000) };
      this.windows.delete(key);
      if (this.windows.size >= maxKeys) {
        const [soonest] = [...this.windows].sort(([, a], [, b]) => a.end - b.end || a.opened - b.opened);
        this.windows.delete(soonest?.[0] as string);
      }
      this.windows.set(key, { count: 0, end: now + windowMs, opened: this.#opened++ });
    }
    const window = this.windows.get(key) as { count: number; end: number };
    const resetSeconds = Math.ceil((window.end - now) / 1000);
    if (window.count >= limit) return { allowed: false, limit, remaining: 0, resetSeconds };
    window.count += 1;
    return { allowed: true, limit, remaining: limit - window.count, resetSeconds };
  }
}

const step = fc.record({
  key: fc.integer({ min: 0, max: 30 }).map((n) => `caller-${n}`),
  limit: fc.integer({ min: 0, max: 4 }),
  windowMs: fc.constantFrom(1_000, 60_000),
  elapsed: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 0, max: 70_000 })),
});

describe('against the model', () => {
  it('decides alike for any keys, limits, windows and times', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const { clock, limiter } = make();
        const model = new Model();
        for (const { key, limit, windowMs, elapsed } of steps) {
          clock.ms += elapsed;
          expect(limiter.consume(key, limit, windowMs)).toEqual(model.consume(clock.ms, key, limit, windowMs));
        }
        const live = [...model.windows.values()].filter((window) => window.end > clock.ms).length;
        expect(limiter.size).toBeGreaterThanOrEqual(live);
      }),
      { numRuns: 300 },
    );
  });

  it('gives up the windows that end soonest when there is no room', () => {
    const crowded = fc.record({
      key: fc.integer({ min: 0, max: 12 }).map((n) => `caller-${n}`),
      // The ends of the two lengths never meet, so that there is one soonest window.
      windowMs: fc.constantFrom(60_000, 90_005),
      elapsed: fc.constantFrom(10, 100),
    });
    fc.assert(
      fc.property(fc.array(crowded, { maxLength: 200 }), (steps) => {
        const { clock, limiter } = make(5);
        const model = new Model();
        for (const { key, windowMs, elapsed } of steps) {
          clock.ms += elapsed;
          expect(limiter.consume(key, 3, windowMs)).toEqual(model.consume(clock.ms, key, 3, windowMs, 5));
          expect(limiter.size).toBeLessThanOrEqual(5);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('memory', () => {
  it('never holds more than maxKeys, and counts what it gave up', () => {
    const { limiter } = make(1000);
    for (let i = 0; i < 50_000; i++) limiter.consume(`a:10.0.${i >> 8}.${i & 255}`, 10, 60_000);
    expect(limiter.size).toBe(1000);
    expect(limiter.evictions).toBe(49_000);
    expect(limiter.consume('a:10.0.195.79', 10, 60_000).remaining).toBe(8);
  });

  it('comes back after a flood: each new window takes away several ended ones', () => {
    const { clock, limiter } = make();
    for (let i = 0; i < 20_000; i++) limiter.consume(`flood-${i}`, 10, 60_000);
    clock.ms += 60_000;
    for (let i = 0; i < 5_000; i++) limiter.consume(`later-${i}`, 10, 60_000);
    expect(limiter.size).toBe(5_000);
    expect(limiter.evictions).toBe(0);
  });

  it('comes back too when the same callers go on', () => {
    const { clock, limiter } = make();
    for (let i = 0; i < 1_000; i++) limiter.consume(`flood-${i}`, 10, 60_000);
    for (let round = 0; round < 300; round++) {
      clock.ms += 60_000;
      limiter.consume('steady', 10, 60_000);
    }
    expect(limiter.size).toBe(1);
  });
});
