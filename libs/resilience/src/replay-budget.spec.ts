import { expect, test } from '@jest/globals';
import { ReplayBudget } from './replay-budget.js';

test('a budget grants what was saved up, one for five requests, and one each second', () => {
  let now = 0;
  const budget = new ReplayBudget(() => now);
  const granted = () => {
    let count = 0;
    while (budget.take()) count += 1;
    return count;
  };
  expect(granted()).toBe(64);
  for (let request = 0; request < 50; request += 1) budget.count();
  expect(granted()).toBeGreaterThanOrEqual(9);
  now += 5_000;
  expect(granted()).toBeGreaterThanOrEqual(5);
  expect(granted()).toBe(0);
  now += 1_000_000;
  expect(granted()).toBe(64);
});
