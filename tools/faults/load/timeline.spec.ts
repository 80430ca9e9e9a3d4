import { describe, expect, test } from '@jest/globals';
import { SERVICES, Timeline } from './timeline.ts';

/** A timeline at which requests to all services are sent every 100 ms, and its clock. */
function steady(fails: (at: number) => boolean, lastsMs = 10_000) {
  let now = 0;
  const timeline = new Timeline(20, () => now);
  for (; now < lastsMs; now += 100) {
    for (const service of SERVICES)
      timeline.begin(service)(fails(now) ? 'error' : 'good', fails(now) ? 'x' : undefined);
  }
  return timeline;
}

describe('a recovery', () => {
  test('is at once where nothing failed', () => {
    expect(steady(() => false).recoveredAt(3_000)).toBe(3_000);
  });

  test('is the first whole second without a failure', () => {
    const failures = [3_000, 3_500, 4_400];
    expect(steady((at) => failures.includes(at)).recoveredAt(2_950)).toBe(4_401);
    expect(steady((at) => failures.includes(at)).recoveredAt(4_401)).toBe(4_401);
  });

  test('takes no notice of what was before', () => {
    expect(steady((at) => at < 3_000).recoveredAt(3_000)).toBe(3_000);
  });

  test('is none before its second is over', () => {
    expect(steady((at) => at === 9_100).recoveredAt(9_000)).toBeUndefined();
  });

  test('is none while an answer is due, or where it came late', () => {
    let now = 0;
    const timeline = new Timeline(1, () => now);
    const ended = SERVICES.map((service) => timeline.begin(service));
    for (const end of ended.slice(1)) end('good');
    now = 5_000;
    expect(timeline.recoveredAt(0)).toBeUndefined();
    ended[0]?.('good');
    expect(timeline.recoveredAt(0)).toBeUndefined();
    expect(timeline.span(0, 1)).toEqual({
      requests: 5,
      errors: 0,
      late: 1,
      waits: 0,
      cutOff: 0,
      what: { 'auth late': 1 },
    });
  });

  test('does not wait for who is told to come again, and does not count them as served', () => {
    let now = 0;
    const timeline = new Timeline(SERVICES.length, () => now);
    for (const service of SERVICES) timeline.begin(service)('good');
    timeline.begin('file')('waits', '409');
    const onlyWaiting = new Timeline(1, () => now);
    for (const service of SERVICES) onlyWaiting.begin(service)(service === 'file' ? 'waits' : 'good');
    now = 1_200;
    expect([timeline.recoveredAt(0), onlyWaiting.recoveredAt(0)]).toEqual([0, undefined]);
  });

  test('is none in a second in which a service was not asked, or few were', () => {
    let now = 0;
    const few = new Timeline(6, () => now);
    const notAll = new Timeline(1, () => now);
    for (const service of SERVICES) few.begin(service)('good');
    for (const service of SERVICES.slice(1)) notAll.begin(service)('good');
    now = 1_500;
    expect([few.recoveredAt(0), notAll.recoveredAt(0)]).toEqual([undefined, undefined]);
  });
});

test('a span counts what was sent in it', () => {
  const timeline = steady((at) => at === 1_000);
  expect(timeline.span(1_000, 1_100)).toEqual({
    requests: 5,
    errors: 5,
    late: 0,
    waits: 0,
    cutOff: 0,
    what: Object.fromEntries(SERVICES.map((service) => [`${service} x`, 1])),
  });
  expect(timeline.span(1_001, 2_000)).toMatchObject({ requests: 45, errors: 0 });
});
