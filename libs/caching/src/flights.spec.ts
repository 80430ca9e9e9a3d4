import { EventEmitter } from 'node:events';
import { describe, expect, it, jest } from '@jest/globals';
import type { CachedAnswer, CacheFill, FlightPlace } from './cached-answer.js';
import { ResponseCache } from './response-cache.js';

const answer = (text: string) => ({ head: text, contentType: 'application/json' });

function lead(place: FlightPlace): CacheFill {
  if (!place.leader) throw new Error('expected to lead');
  return place.fill;
}

function follow(place: FlightPlace): Promise<CachedAnswer | undefined> {
  if (place.leader) throw new Error('expected to follow');
  return place.wait();
}

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  const pending = Symbol();
  // Two turns of the event loop: whatever was due has run by then.
  const later = new Promise((done) => setImmediate(() => setImmediate(() => done(pending))));
  return (await Promise.race([promise, later])) !== pending;
};

describe('a flight', () => {
  it('lets one of a thousand do the work and gives its answer to all', async () => {
    const cache = new ResponseCache();
    let works = 0;
    const request = async (): Promise<string | undefined> => {
      const hit = cache.lookup('k');
      if (hit) return hit.head.toString();
      const place = cache.flight('k', ['t']);
      if (!place.leader) return (await place.wait())?.head.toString();
      works += 1;
      await new Promise((done) => setImmediate(done));
      place.fill.store(answer('made once'), { tags: ['t'] });
      return 'made once';
    };
    const answers = await Promise.all(Array.from({ length: 1000 }, request));
    expect(new Set(answers)).toEqual(new Set(['made once']));
    expect(works).toBe(1);
    expect(cache.counters).toMatchObject({ collapsed: 999, misses: 1000, hits: 0, flights: 0 });
  });

  it('concerns its own key alone', () => {
    const cache = new ResponseCache();
    lead(cache.flight('a'));
    lead(cache.flight('b'));
    expect(cache.flight('a').leader).toBe(false);
    expect(cache.counters.flights).toBe(2);
  });

  it('lets all go on at once when the leader fails or keeps nothing', async () => {
    const cache = new ResponseCache();
    const fill = lead(cache.flight('k'));
    const waiting = Array.from({ length: 50 }, () => follow(cache.flight('k')));
    expect(await settled(Promise.race(waiting))).toBe(false);
    fill.release();
    expect(await Promise.all(waiting)).toEqual(Array(50).fill(undefined));
    expect(cache.counters).toMatchObject({ flights: 0, collapsed: 0 });
    // Each has a fill of its own and may keep what it makes.
    expect(cache.beginFill('k').store(answer('x'), { tags: [] })).toBe(true);
  });

  it('lets all go on when the answer is refused', async () => {
    const cache = new ResponseCache();
    const fill = lead(cache.flight('k'));
    const waiting = follow(cache.flight('k'));
    void cache.invalidate(['t']);
    expect(fill.store(answer('old'), { tags: ['t'] })).toBe(false);
    expect(await waiting).toBeUndefined();
  });

  it('ends with the response of the leader, whatever became of it', async () => {
    const cache = new ResponseCache();
    const response = new EventEmitter();
    const fill = lead(cache.flight('k'));
    fill.releaseWith(response);
    const waiting = follow(cache.flight('k'));
    response.emit('close');
    expect(await waiting).toBeUndefined();
    expect(fill.store(answer('late'), { tags: [] })).toBe(false);
  });

  it('does not block anyone when the leader hangs', async () => {
    const cache = new ResponseCache({ flightMs: 40 });
    const hung = lead(cache.flight('k'));
    const started = performance.now();
    expect(await Promise.all([follow(cache.flight('k')), follow(cache.flight('k'))])).toEqual([undefined, undefined]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(35);
    // The next one leads; the hung one may still come in and disturbs nobody.
    const next = lead(cache.flight('k'));
    hung.release();
    expect(cache.flight('k').leader).toBe(false);
    next.store(answer('x'), { tags: [] });
    expect(cache.counters.flights).toBe(0);
  });

  it('is not waited for beyond its time by those who come late', () => {
    const clock = { ms: 1_700_000_000_000, now: () => clock.ms };
    const cache = new ResponseCache({ clock, flightMs: 5_000 });
    lead(cache.flight('k'));
    clock.ms += 4_999;
    expect(cache.flight('k').leader).toBe(false);
    clock.ms += 1;
    expect(cache.flight('k').leader).toBe(true);
  });

  it('of a leader that never ends is forgotten', () => {
    const clock = { ms: 1_700_000_000_000, now: () => clock.ms };
    const cache = new ResponseCache({ clock, flightMs: 5_000 });
    for (let i = 0; i < 1000; i++) lead(cache.flight(`abandoned-${i}`));
    clock.ms += 5_000;
    for (let i = 0; i < 1000; i++) lead(cache.flight(`later-${i}`));
    expect(cache.counters.flights).toBe(1000);
  });

  it('that began before an invalidation gets no new followers', async () => {
    const cache = new ResponseCache();
    const stale = lead(cache.flight('k', ['t']));
    const early = follow(cache.flight('k', ['t']));
    void cache.invalidate(['t']);
    const fresh = lead(cache.flight('k', ['t']));
    const late = follow(cache.flight('k', ['t']));
    fresh.store(answer('new'), { tags: ['t'] });
    stale.store(answer('old'), { tags: ['t'] });
    expect((await late)?.head.toString()).toBe('new');
    // It waited for stale work and still gets what is right.
    expect((await early)?.head.toString()).toBe('new');
  });

  it('gives nothing that was invalidated between landing and waking', async () => {
    const cache = new ResponseCache();
    const fill = lead(cache.flight('k', ['t']));
    const waiting = follow(cache.flight('k', ['t']));
    fill.store(answer('old'), { tags: ['t'] });
    void cache.invalidate(['t']);
    expect(await waiting).toBeUndefined();
  });

  it('keeps its place when stale work of the same key lands', () => {
    const cache = new ResponseCache();
    const stale = lead(cache.flight('k', ['t']));
    void cache.invalidate(['t']);
    lead(cache.flight('k', ['t']));
    stale.release();
    expect(cache.flight('k', ['t']).leader).toBe(false);
  });

  it('leaves no timer behind', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance'] });
    try {
      const cache = new ResponseCache();
      const fill = lead(cache.flight('k'));
      expect(jest.getTimerCount()).toBe(0);
      const waiting = [follow(cache.flight('k')), follow(cache.flight('k'))];
      expect(jest.getTimerCount()).toBe(1);
      fill.release();
      await Promise.all(waiting);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});
