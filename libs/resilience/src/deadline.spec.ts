import { describe, expect, test } from '@jest/globals';
import { DEADLINE_HEADER, deadlineFrom, deadlineHeader, remainingMs } from './deadline.js';

const clock = { now: () => 1_000_000 };

describe('a deadline', () => {
  test('shrinks by what has passed, to nothing', () => {
    expect(DEADLINE_HEADER).toBe('x-nexus-deadline-ms');
    expect(remainingMs({ deadline: 1_002_500.9 }, clock)).toBe(2500);
    expect(deadlineHeader({ deadline: 1_002_500.9 }, clock)).toBe('2500');
    expect(remainingMs({ deadline: 999_999 }, clock)).toBe(0);
    expect(remainingMs({ deadline: Date.now() + 10_000 })).toBeGreaterThan(9_000);
  });

  test('is taken from the field, up to a cap', () => {
    expect(deadlineFrom('2500', 30_000, clock)).toBe(1_002_500);
    expect(deadlineFrom('0', 30_000, clock)).toBe(1_000_000);
    expect(deadlineFrom('99999999', 30_000, clock)).toBe(1_030_000);
  });

  test.each([
    undefined,
    '',
    '-1',
    '1.5',
    '1e3',
    'abc',
    ' 5',
    '9999999999',
    ['1', '2'],
  ])('is the cap for %j', (value) => {
    expect(deadlineFrom(value, 30_000, clock)).toBe(1_030_000);
  });
});
