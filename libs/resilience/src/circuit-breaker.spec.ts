import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type BreakerOptions, CircuitBreaker, type CircuitState, REFUSED } from './circuit-breaker.js';

function make(options: BreakerOptions = {}) {
  const clock = { now: 1_000_000 };
  const changes: CircuitState[] = [];
  const breaker = new CircuitBreaker({
    now: () => clock.now,
    random: () => 0.5,
    onChange: (state) => changes.push(state),
    ...options,
  });
  const end = (isGood: boolean, times = 1) => {
    for (let turn = 0; turn < times; turn += 1) {
      const era = breaker.enter();
      if (isGood) breaker.succeeded(era);
      else breaker.failed(era);
    }
  };
  return { breaker, clock, changes, end };
}

describe('a circuit breaker', () => {
  test('opens when half of at least twenty requests failed, and not before', () => {
    const few = make();
    few.end(false, 19);
    expect(few.breaker.state).toBe('closed');
    few.end(false);
    expect([few.breaker.state, few.breaker.enter()]).toEqual(['open', REFUSED]);

    const many = make();
    many.end(true, 100);
    many.end(false, 99);
    expect(many.breaker.state).toBe('closed');
    many.end(false);
    expect(many.breaker.state).toBe('open');
  });

  test('forgets what is older than its window', () => {
    const { breaker, clock, end } = make();
    end(false, 19);
    clock.now += 10_000;
    end(false, 19);
    expect(breaker.state).toBe('closed');
    clock.now += 9_000;
    end(false);
    expect(breaker.state).toBe('open');
  });

  test('lets three through when its time is over, and closes when all of them are good', () => {
    const { breaker, clock, changes, end } = make();
    end(false, 20);
    expect(breaker.waitMs).toBe(500);
    clock.now += 499;
    expect(breaker.enter()).toBe(REFUSED);
    clock.now += 1;
    const eras = [breaker.enter(), breaker.enter(), breaker.enter()];
    expect(eras).not.toContain(REFUSED);
    expect(breaker.enter()).toBe(REFUSED);
    for (const era of eras.slice(0, 2)) breaker.succeeded(era);
    expect(breaker.state).toBe('half_open');
    breaker.succeeded(eras[2] as number);
    expect(changes).toEqual(['open', 'half_open', 'closed']);
    end(false, 19);
    expect(breaker.state).toBe('closed');
  });

  test('opens for longer each time that one of them fails, up to its most', () => {
    const { breaker, clock, end } = make();
    end(false, 20);
    const waits: number[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      waits.push(breaker.waitMs);
      clock.now += breaker.waitMs;
      breaker.failed(breaker.enter());
    }
    expect(waits).toEqual([500, 1_000, 1_000, 1_000, 1_000, 1_000]);
  });

  test('begins anew when it was well for a window, and goes on where it left off when not', () => {
    const { breaker, clock, end } = make();
    const recover = () => {
      clock.now += breaker.waitMs;
      end(true, 3);
      expect(breaker.state).toBe('closed');
    };
    end(false, 20);
    recover();
    end(false, 20);
    expect(breaker.waitMs).toBe(1_000);
    recover();
    clock.now += 10_001;
    end(false, 20);
    expect(breaker.waitMs).toBe(500);
  });

  test('spreads its time by a quarter to either side', () => {
    const waits = [0, 0.999].map((random) => {
      const { breaker, end } = make({ random: () => random });
      end(false, 20);
      return Math.round(breaker.waitMs);
    });
    expect(waits).toEqual([375, 625]);
  });

  test('learns nothing about now from what began before', () => {
    const { breaker, clock, end } = make();
    const old = breaker.enter();
    end(false, 20);
    clock.now += 500;
    const probe = breaker.enter();
    breaker.failed(old);
    for (let turn = 0; turn < 5; turn += 1) breaker.succeeded(old);
    expect(breaker.state).toBe('half_open');
    breaker.succeeded(probe);
    expect(breaker.state).toBe('half_open');
  });

  test('lets another through for one that says nothing, and others when nothing is heard of them', () => {
    const { breaker, clock, end } = make();
    end(false, 20);
    clock.now += 500;
    const [first] = [breaker.enter(), breaker.enter(), breaker.enter()];
    breaker.left(first as number);
    expect([breaker.enter() === REFUSED, breaker.enter()]).toEqual([false, REFUSED]);
    clock.now += 10_001;
    expect(breaker.enter()).not.toBe(REFUSED);
  });

  test('tries at once when there is reason to', () => {
    const { breaker, end } = make();
    end(false, 20);
    breaker.hurry();
    expect(breaker.enter()).not.toBe(REFUSED);
  });

  test('never lets more through while half open than it may, whatever happens', () => {
    const step = fc.oneof(
      fc.constant('enter'),
      fc.constant('good'),
      fc.constant('bad'),
      fc.constant('nothing'),
      fc.integer({ min: 1, max: 3_000 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const { breaker, clock } = make({ minVolume: 4, windowMs: Number.MAX_SAFE_INTEGER / 2 ** 20 });
        let running: number[] = [];
        for (const one of steps) {
          if (typeof one === 'number') clock.now += one;
          else if (one === 'enter') {
            const era = breaker.enter();
            if (era !== REFUSED) running.push(era);
            if (breaker.state !== 'closed') {
              const newest = Math.max(0, ...running);
              expect(running.filter((value) => value === newest && breaker.state === 'half_open').length).toBeLessThan(
                4,
              );
            }
          } else {
            const era = running.pop();
            if (era === undefined) continue;
            if (one === 'good') breaker.succeeded(era);
            else if (one === 'bad') breaker.failed(era);
            else breaker.left(era);
          }
          if (breaker.state === 'open') running = [];
        }
      }),
    );
  });
});
