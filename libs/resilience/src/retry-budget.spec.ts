import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RetryBudget } from './retry-budget.js';

describe('a retry budget', () => {
  test('lets a quiet service retry a little', () => {
    const budget = new RetryBudget({ now: () => 0 });
    expect([1, 2, 3, 4].map(() => budget.takeRetry())).toEqual([true, true, true, false]);
  });

  test('lets one call in five be repeated, and the oldest calls count no more', () => {
    let now = 0;
    const budget = new RetryBudget({ now: () => now });
    for (let i = 0; i < 100; i++) budget.countCall();
    let taken = 0;
    while (budget.takeRetry()) taken++;
    expect(taken).toBe(20);
    now = 9_999;
    expect(budget.takeRetry()).toBe(false);
    now = 10_000;
    expect([1, 2, 3, 4].map(() => budget.takeRetry())).toEqual([true, true, true, false]);
  });

  test('in no ten seconds there are more retries than a fifth of the calls of twice that time, and three', () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 4_000 }), calls: fc.integer({ min: 0, max: 20 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = 0;
        const budget = new RetryBudget({ now: () => now });
        const calls: number[] = [];
        const retries: number[] = [];
        for (const { wait, calls: count } of steps) {
          now += wait;
          for (let i = 0; i < count; i++) {
            budget.countCall();
            calls.push(now);
            if (budget.takeRetry()) retries.push(now);
          }
        }
        for (const end of retries) {
          const within = (times: number[], ms: number) => times.filter((at) => at > end - ms && at <= end).length;
          expect(within(retries, 9_000)).toBeLessThanOrEqual(Math.max(3, within(calls, 20_000) * 0.2));
        }
      }),
    );
  });
});
