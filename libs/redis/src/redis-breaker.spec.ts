import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { RedisBreaker } from './redis-breaker.js';

let isThere: boolean;
let looks: number;
let reconnects: number;
let changes: boolean[];
let breaker: RedisBreaker;

beforeEach(() => {
  jest.useFakeTimers();
  [isThere, looks, reconnects, changes] = [false, 0, 0, []];
  breaker = new RedisBreaker({
    look: () => {
      looks += 1;
      return isThere ? Promise.resolve() : Promise.reject(new Error('nobody'));
    },
    reconnect: () => {
      reconnects += 1;
    },
    changed: (isOpen) => changes.push(isOpen),
  });
});

afterEach(() => {
  breaker.close();
  jest.useRealTimers();
});

describe('a breaker', () => {
  test('opens after five failures in a row, and no sooner', () => {
    for (let i = 0; i < 4; i += 1) breaker.failed();
    breaker.succeeded();
    for (let i = 0; i < 4; i += 1) breaker.failed();
    expect(breaker.isOpen).toBe(false);
    breaker.failed();
    expect([breaker.isOpen, changes]).toEqual([true, [true]]);
  });

  test('looks itself, less and less often, makes the connection anew, and closes when somebody answers', async () => {
    breaker.open();
    await jest.advanceTimersByTimeAsync(400);
    expect(looks).toBe(3);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(looks).toBeLessThan(16);
    expect(reconnects).toBe(Math.floor(looks / 4));
    isThere = true;
    await jest.advanceTimersByTimeAsync(1_000);
    expect([breaker.isOpen, changes]).toEqual([false, [true, false]]);
    const seen = looks;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(looks).toBe(seen);
  });

  test('looks at once when it is told that somebody may be back', async () => {
    breaker.open();
    await jest.advanceTimersByTimeAsync(5_000);
    isThere = true;
    breaker.lookSoon();
    await jest.advanceTimersByTimeAsync(0);
    expect(breaker.isOpen).toBe(false);
  });

  test('does nothing once it is closed for good', async () => {
    breaker.open();
    breaker.close();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(looks).toBe(0);
    breaker.open();
    expect(breaker.isOpen).toBe(false);
  });
});
