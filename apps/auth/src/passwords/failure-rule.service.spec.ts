import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { afterFailure, type FailureState, FORGET_MS, NO_FAILURES, waitOf } from './failure-rule.service.js';

const LIMITS = { failures: 10, windowMs: 900_000 };
const SECOND = 1_000;

function fail(times: readonly number[], state: FailureState = NO_FAILURES): FailureState {
  return times.reduce((before, at) => afterFailure(before, at, LIMITS), state);
}

const every = (count: number, step: number, from = 0) => Array.from({ length: count }, (_, i) => from + i * step);

describe('afterFailure', () => {
  it('lets ten failures pass and makes the eleventh attempt wait', () => {
    expect(waitOf(fail(every(9, SECOND)), 9 * SECOND)).toBe(0);
    const ten = fail(every(10, SECOND));
    expect(waitOf(ten, 9 * SECOND)).toBe(30 * SECOND);
    expect(waitOf(ten, 39 * SECOND)).toBe(0);
  });

  it('counts those of the last 15 minutes, wherever they begin', () => {
    expect(waitOf(fail(every(100, 100_000)), 0)).toBe(0);
    expect(waitOf(fail([...every(9, SECOND), 900_001]), 900_001)).toBe(0);
    expect(waitOf(fail([0, ...every(9, SECOND, 890_000)]), 898_000)).toBe(30 * SECOND);
  });

  it('doubles the wait with each further failure, up to the window', () => {
    const waits: number[] = [];
    let state = fail(every(10, SECOND));
    let now = 9 * SECOND;
    for (let i = 0; i < 8; i++) {
      waits.push(waitOf(state, now) / SECOND);
      now += waitOf(state, now);
      state = afterFailure(state, now, LIMITS);
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 900, 900, 900]);
  });

  it('remembers for a day that there were too many', () => {
    const ten = fail(every(10, SECOND));
    const last = 9 * SECOND;
    const nextDay = last + FORGET_MS;
    expect(waitOf(afterFailure(ten, nextDay - 1, LIMITS), nextDay - 1)).toBe(60 * SECOND);
    expect(waitOf(afterFailure(ten, nextDay, LIMITS), nextDay)).toBe(0);
  });

  it('never keeps more than it needs', () => {
    expect(fail(every(1000, 1)).failedAt).toHaveLength(10);
  });

  it('makes an address wait exactly when ten of its failures lie within the window, or it is on strike', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 400_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(gaps, (steps) => {
        const all: number[] = [];
        let state = NO_FAILURES;
        let now = 0;
        let struck = false;
        for (const step of steps) {
          // Nobody tries while it waits.
          now += step + waitOf(state, now + step);
          all.push(now);
          const within = all.filter((at) => at > now - LIMITS.windowMs).length;
          struck ||= within >= LIMITS.failures;
          state = afterFailure(state, now, LIMITS);
          expect(waitOf(state, now) > 0).toBe(struck);
        }
      }),
    );
  });
});
