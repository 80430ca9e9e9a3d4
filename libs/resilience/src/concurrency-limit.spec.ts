import { describe, expect, test } from '@jest/globals';
import { ConcurrencyLimit, type ConcurrencyLimitOptions, PRIORITIES } from './concurrency-limit.js';

const [HEALTH, SIGN_IN, WRITE, READ, BULK, UNKNOWN] = PRIORITIES.map((_, rank) => rank) as [
  number,
  number,
  number,
  number,
  number,
  number,
];
const EVERY_MS = 250;

function make(options: ConcurrencyLimitOptions = {}) {
  const clock = { now: 10_000 };
  const ends: (() => void)[] = [];
  const limit = new ConcurrencyLimit({ now: () => clock.now, atEnd: (action) => ends.push(action), ...options });
  const endTurn = () => {
    for (const end of ends.splice(0)) end();
  };
  /** In one turn of the event loop. */
  const enter = (rank: number, times: number) => {
    let taken = 0;
    for (let turn = 0; turn < times; turn += 1) if (limit.enter(rank, clock.now)) taken += 1;
    endTurn();
    return taken;
  };
  const leave = (rank: number, times: number) => {
    for (let turn = 0; turn < times; turn += 1) limit.leave(rank);
  };
  /** Time passes; requests of a route whose shortest took 1 ms end, each after `ms`. */
  const pass = (ms: number, ended = 50, lagMs = 0) => {
    clock.now += EVERY_MS + lagMs;
    for (let turn = 0; turn < ended; turn += 1) limit.took('route', clock.now, ms);
    limit.look();
  };
  limit.took('route', clock.now, 1);
  return { limit, clock, enter, leave, pass, endTurn };
}

describe('the number of requests in service', () => {
  test('has a cap whatever is measured, and probes are never refused', () => {
    const { limit, enter } = make({ max: 10, min: 5 });
    expect([enter(READ, 20), limit.limit]).toEqual([10, 10]);
    expect(limit.shed[READ]).toBe(10);
    expect(enter(HEALTH, 1_000)).toBe(1_000);
  });

  test('is not lowered by waits that are no trouble, nor by one look that was late, nor by a few that were slow', () => {
    const { limit, enter, pass } = make();
    enter(READ, 1_000);
    for (let turn = 0; turn < 10; turn += 1) pass(200);
    for (let turn = 0; turn < 10; turn += 1) {
      pass(2_000, 50, turn % 2 === 0 ? 5_000 : 0);
      pass(5);
    }
    for (let turn = 0; turn < 10; turn += 1) {
      for (let slow = 0; slow < 40; slow += 1) limit.took('route', Number.POSITIVE_INFINITY, 9_000);
      pass(5, 50);
    }
    expect(limit.isLowered).toBe(false);
  });

  test.each([
    ['most wait for too long', (made: ReturnType<typeof make>) => made.pass(1_000)],
    ['the event loop is late', (made: ReturnType<typeof make>) => made.pass(1, 0, 1_000)],
  ])('is lowered when %s twice in a row, by a half at a time, and grows again', (_when, strain) => {
    const made = make();
    made.enter(READ, 1_000);
    strain(made);
    expect(made.limit.isLowered).toBe(false);
    strain(made);
    expect(made.limit.limit).toBe(500);
    for (let turn = 0; turn < 10; turn += 1) strain(made);
    expect(made.limit.limit).toBe(128);
    made.pass(1);
    expect(made.limit.limit).toBe(139);
    for (let turn = 0; turn < 200; turn += 1) made.pass(1);
    expect([made.limit.limit, made.limit.isLowered]).toEqual([4_096, false]);
  });

  test('is lowered by as much as is too much', () => {
    const { limit, enter, pass } = make();
    enter(READ, 1_000);
    pass(251);
    pass(251);
    expect(limit.limit).toBe(800);
  });

  test('is judged by those that came under it', () => {
    const { limit, clock, enter, pass } = make();
    enter(READ, 1_000);
    pass(1_000);
    pass(1_000);
    const before = clock.now - 1;
    for (let turn = 0; turn < 3; turn += 1) {
      for (let ended = 0; ended < 50; ended += 1) limit.took('route', before, 1_000);
      pass(1, 0);
    }
    expect(limit.limit).toBeGreaterThan(500);
  });

  test('is not found from delay where that is not wanted', () => {
    const { limit, enter, pass } = make({ targetMs: 0 });
    enter(READ, 1_000);
    for (let turn = 0; turn < 10; turn += 1) pass(9_000, 50, 9_000);
    expect(limit.isLowered).toBe(false);
  });

  test('believes the shortest time of a route less and less', () => {
    const { limit, clock, enter, pass } = make();
    enter(READ, 1_000);
    const minutes = 60;
    for (let turn = 0; turn < minutes; turn += 1) {
      clock.now += 60_000;
      limit.look();
      clock.now += EVERY_MS;
      limit.look();
    }
    // What was 1 ms an hour ago may be 304 ms by now.
    for (let turn = 0; turn < 3; turn += 1) pass(500);
    expect(limit.isLowered).toBe(false);
    for (let turn = 0; turn < 3; turn += 1) pass(510);
    expect(limit.isLowered).toBe(true);
  });
});

describe('a turn of the event loop', () => {
  test('keeps the places of what was served in it, so that it is bounded', () => {
    const { limit, clock, leave, endTurn } = make({ max: 10, min: 5 });
    let served = 0;
    for (let request = 0; request < 100; request += 1) {
      if (!limit.enter(READ, clock.now)) continue;
      served += 1;
      leave(READ, 1);
    }
    expect([served, limit.serving[READ]]).toEqual([10, 10]);
    endTurn();
    expect(limit.serving[READ]).toBe(0);
  });

  test('that does not end is looked at from within', () => {
    const { limit, clock, leave } = make();
    let served = 0;
    // 2 ms of work each.
    for (let request = 0; request < 5_000; request += 1) {
      if (!limit.enter(READ, clock.now)) continue;
      served += 1;
      clock.now += 2;
      leave(READ, 1);
    }
    // Two looks, each 300 ms after the one before.
    expect(served).toBeGreaterThan(300);
    expect(served).toBeLessThan(310);
    expect(limit.isShedding).toBe(true);
  });

  test.each([
    [false, 190],
    [true, 260],
  ])('lowers the limit (%p) when it takes %d ms, time after time', (isLowered, ms) => {
    const { limit, clock, leave, pass, endTurn } = make();
    for (let turn = 0; turn < 4; turn += 1) {
      for (let request = 0; request < 200; request += 1) {
        limit.enter(READ, clock.now);
        leave(READ, 1);
      }
      clock.now += ms;
      endTurn();
      pass(1, 0, -ms);
    }
    expect(limit.isLowered).toBe(isLowered);
  });
});

describe('the places', () => {
  /** Lowers the limit to 128, with nobody in service. */
  function lowered() {
    const made = make();
    made.enter(READ, 256);
    made.pass(1_000);
    made.pass(1_000);
    made.leave(READ, 256);
    for (let turn = 0; turn < 40; turn += 1) made.pass(1, 0, 1_000);
    expect(made.limit.limit).toBe(128);
    return made;
  }

  test('are for higher classes first: what they needed of late stays free for them', () => {
    const { limit, enter, leave, pass } = lowered();
    expect([enter(SIGN_IN, 30), enter(WRITE, 50)]).toEqual([30, 50]);
    pass(1, 0, 1_000);
    expect(enter(READ, 100)).toBe(128 - 80);
    expect(enter(BULK, 10) + enter(UNKNOWN, 10)).toBe(20);
    pass(1, 0, 1_000);
    leave(BULK, 10);
    leave(UNKNOWN, 10);
    expect(enter(BULK, 10) + enter(UNKNOWN, 10)).toBe(0);
    leave(SIGN_IN, 30);
    leave(WRITE, 50);
    expect([enter(SIGN_IN, 30), enter(WRITE, 50)]).toEqual([30, 50]);
    expect(limit.shed).toEqual([0, 0, 0, 52, 10, 10]);
  });

  test('that nobody higher needs any more are for all', () => {
    const { enter, leave, pass } = lowered();
    enter(WRITE, 100);
    pass(1, 0, 1_000);
    leave(WRITE, 100);
    for (let turn = 0; turn < 40; turn += 1) pass(1, 0, 1_000);
    expect(enter(READ, 200)).toBe(128);
  });

  test('are not taken by what lasts, which is refused all the same when there is none', () => {
    const { limit, enter } = lowered();
    for (let turn = 0; turn < 1_000; turn += 1) expect(limit.admits(BULK)).toBe(true);
    expect(enter(BULK, 128)).toBe(128);
    expect(limit.admits(BULK)).toBe(false);
  });
});
