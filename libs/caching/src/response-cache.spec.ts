import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '@nexus/config';
import fc from 'fast-check';
import type { CacheFill } from './cached-answer.js';
import { cachingConfig } from './caching.config.js';
import { ResponseCache, type ResponseCacheOptions } from './response-cache.js';

class FakeClock {
  ms = 1_700_000_000_000;
  now = () => this.ms;
}

function make(options: ResponseCacheOptions = {}) {
  const clock = new FakeClock();
  return { clock, cache: new ResponseCache({ clock, ...options }) };
}

const answer = (text: string) => ({ head: text, contentType: 'application/json; charset=utf-8' });
const put = (cache: ResponseCache, key: string, tags: string[] = [], text = key) =>
  cache.beginFill(key).store(answer(text), { tags });
const text = (cache: ResponseCache, key: string) => cache.lookup(key)?.head;

describe('what is kept', () => {
  it('is served as it was given, and counted', () => {
    const { cache, clock } = make();
    expect(cache.lookup('k')).toBeUndefined();
    const fill = cache.beginFill('k');
    const kept = fill.store({ ...answer('{"data":1'), etag: '"7"' }, { tags: ['a', 'b'], ttlMs: 60_000 });
    expect([kept, fill.stored]).toEqual([true, true]);
    expect(cache.lookup('k')).toMatchObject({
      status: 200,
      head: '{"data":1',
      etag: '"7"',
      contentType: 'application/json; charset=utf-8',
      tags: ['a', 'b'],
      storedAt: clock.ms,
      expiresAt: clock.ms + 60_000,
    });
    expect(cache.counters).toMatchObject({ hits: 1, misses: 1, stores: 1, entries: 1, tags: 2, links: 2 });
  });

  it('lives for its own time, at most that of the cache, to the millisecond', () => {
    const { cache, clock } = make({ ttlMs: 300_000 });
    cache.beginFill('short').store(answer('s'), { tags: [], ttlMs: 1_000 });
    cache.beginFill('long').store(answer('l'), { tags: ['t'], ttlMs: 9_000_000 });
    cache.beginFill('plain').store(answer('p'), { tags: [] });
    clock.ms += 999;
    expect(text(cache, 'short')).toBe('s');
    clock.ms += 1;
    expect(text(cache, 'short')).toBeUndefined();
    clock.ms += 298_999;
    expect([text(cache, 'long'), text(cache, 'plain')]).toEqual(['l', 'p']);
    clock.ms += 1;
    expect([text(cache, 'long'), text(cache, 'plain')]).toEqual([undefined, undefined]);
    expect(cache.counters).toMatchObject({ entries: 0, links: 0, bytes: 0 });
  });

  it('does not outlive a step back of the system clock', () => {
    const { cache, clock } = make();
    put(cache, 'k');
    clock.ms -= 1;
    expect(text(cache, 'k')).toBeUndefined();
  });

  it('has a life shortened by at most the jitter', () => {
    const { cache, clock } = make({ ttlMs: 100_000, jitter: 0.1 });
    const lives = Array.from({ length: 200 }, (_, i) => {
      put(cache, `k${i}`);
      return (cache.lookup(`k${i}`)?.expiresAt ?? 0) - clock.ms;
    });
    expect(Math.min(...lives)).toBeGreaterThanOrEqual(90_000);
    expect(Math.max(...lives)).toBeLessThanOrEqual(100_000);
    expect(new Set(lives).size).toBeGreaterThan(100);
  });

  it('is refused without a life, and once the fill is settled', () => {
    const { cache } = make();
    expect(cache.beginFill('k').store(answer('x'), { tags: [], ttlMs: 0 })).toBe(false);
    expect(cache.beginFill('k').store(answer('x'), { tags: [], ttlMs: Number.NaN })).toBe(false);
    const fill = cache.beginFill('k');
    fill.release();
    expect(fill.store(answer('x'), { tags: [] })).toBe(false);
    expect(cache.counters).toMatchObject({ entries: 0, stores: 0 });
  });

  it('is not replaced by what was read before it', () => {
    const { cache } = make();
    const older = cache.beginFill('k');
    const newer = cache.beginFill('k');
    expect(newer.store(answer('new'), { tags: [] })).toBe(true);
    expect(older.store(answer('old'), { tags: [] })).toBe(false);
    expect(text(cache, 'k')).toBe('new');
    expect(put(cache, 'k', [], 'newest')).toBe(true);
    expect(text(cache, 'k')).toBe('newest');
  });

  it('is nothing when the cache is off', () => {
    const config = loadConfig([cachingConfig], { CACHE_ENABLED: 'false' }).get(cachingConfig);
    const cache = ResponseCache.of(config);
    expect(put(cache, 'k')).toBe(false);
    expect(cache.lookup('k')).toBeUndefined();
    expect([cache.flight('k').leader, cache.flight('k').leader]).toEqual([true, true]);
    expect(cache.counters).toMatchObject({ hits: 0, misses: 0, entries: 0, flights: 0 });
  });
});

describe('bounds', () => {
  it('lets those go that nobody has asked for', () => {
    const { cache } = make({ maxEntries: 3 });
    for (const key of ['a', 'b', 'c']) put(cache, key, [`t:${key}`]);
    for (const key of ['a', 'c']) cache.lookup(key);
    for (const key of ['d', 'e']) put(cache, key, [`t:${key}`]);
    expect(['a', 'b', 'c', 'd', 'e'].map((key) => text(cache, key))).toEqual(['a', undefined, 'c', undefined, 'e']);
    expect(cache.counters).toMatchObject({ evictions: 2, entries: 3, tags: 3, links: 3 });
  });

  it('keeps what is served from those that are not: one-off answers push out each other', () => {
    const { cache } = make({ maxEntries: 100 });
    for (let i = 0; i < 100; i++) put(cache, `k${i}`, [`t:${i}`]);
    const served = Array.from({ length: 60 }, (_, i) => `k${i + 20}`);
    for (const key of served) expect(text(cache, key)).toBe(key);
    for (let i = 0; i < 10_000; i++) {
      cache.lookup(`scan${i}`);
      put(cache, `scan${i}`, ['scan']);
    }
    expect(served.filter((key) => text(cache, key) === undefined)).toEqual([]);
    expect(cache.counters).toMatchObject({ entries: 100, tags: 61, links: 100, evictions: 10_000 });
  });

  it('goes on serving what is asked for in turn while every second request is for a one-off answer', () => {
    const { cache } = make({ maxEntries: 100 });
    const keys = Array.from({ length: 80 }, (_, i) => `k${i}`);
    for (const key of keys) put(cache, key);
    for (const key of keys) cache.lookup(key);
    // Least recently used would miss every time: 79 others and 80 one-off answers come between two requests for one.
    let missed = 0;
    for (let i = 0; i < 8_000; i++) {
      put(cache, `scan${i}`);
      const key = keys[i % keys.length] ?? '';
      if (text(cache, key) !== undefined) continue;
      missed += 1;
      put(cache, key);
    }
    // Which one-off keys count as known by mistake is up to chance.
    expect(missed).toBeLessThan(80);
  });

  it('holds by default 1000 answers, as configured', () => {
    const cache = ResponseCache.of(loadConfig([cachingConfig], {}).get(cachingConfig));
    for (let i = 0; i < 1500; i++) put(cache, `k${i}`);
    expect(cache.counters).toMatchObject({ entries: 1000, evictions: 500 });
  });

  it('counts a text beyond Latin-1 with two bytes a character, as it is held', () => {
    const size = (text: string) => {
      const cache = new ResponseCache();
      cache.beginFill('k').store(answer(text), { tags: [] });
      return cache.counters.bytes;
    };
    expect(size('é'.repeat(1000))).toBe(size('e'.repeat(1000)));
    expect(size('ж'.repeat(1000))).toBe(size('e'.repeat(2000)));
  });

  it('never takes more bytes than allowed', () => {
    const { cache } = make({ maxBytes: 1_000_000 });
    const body = 'x'.repeat(20_000);
    for (let i = 0; i < 200; i++) {
      expect(put(cache, `k${i}`, ['t'], body)).toBe(true);
      expect(cache.counters.bytes).toBeLessThanOrEqual(1_000_000);
    }
    expect(cache.counters.entries).toBeGreaterThan(40);
    expect(cache.counters.links).toBe(cache.counters.entries);
  });

  it('refuses a single answer that would push out too many, and keeps what was there', () => {
    const { cache } = make({ maxBytes: 1_000_000 });
    put(cache, 'k', [], 'small');
    expect(put(cache, 'k', [], 'x'.repeat(100_000))).toBe(false);
    expect(text(cache, 'k')).toBe('small');
  });

  it('refuses an answer with too many tags', () => {
    const { cache } = make();
    expect(
      put(
        cache,
        'k',
        Array.from({ length: 257 }, (_, i) => `t${i}`),
      ),
    ).toBe(false);
  });
});

describe('invalidation', () => {
  it('drops every answer with one of the tags and no other', () => {
    const { cache } = make();
    put(cache, 'one', ['project:1', 'user:a']);
    put(cache, 'two', ['project:2', 'user:a']);
    put(cache, 'three', ['project:3', 'user:b']);
    put(cache, 'bare');
    void cache.invalidate(['project:1', 'user:b', 'nobody:has']);
    expect(['one', 'two', 'three', 'bare'].map((key) => text(cache, key))).toEqual([
      undefined,
      'two',
      undefined,
      'bare',
    ]);
    expect(cache.counters).toMatchObject({ invalidated: 2, entries: 2, tags: 2, links: 2 });
  });

  it('keeps a read that began before it from being stored', () => {
    const { cache } = make();
    const before = cache.beginFill('k');
    const untouched = cache.beginFill('other');
    void cache.invalidate(['project:1']);
    const after = cache.beginFill('k');
    expect(before.store(answer('old'), { tags: ['x', 'project:1'] })).toBe(false);
    expect(untouched.store(answer('fine'), { tags: ['project:2'] })).toBe(true);
    expect(after.store(answer('new'), { tags: ['x', 'project:1'] })).toBe(true);
    expect(text(cache, 'k')).toBe('new');
    expect(cache.counters.fenced).toBe(1);
  });

  it('refuses rather too much than too little once it cannot remember every tag', () => {
    const { cache } = make({ maxFences: 2 });
    const before = cache.beginFill('k');
    for (let i = 0; i < 10; i++) void cache.invalidate([`t${i}`]);
    expect(before.store(answer('old'), { tags: ['t0'] })).toBe(false);
    expect(cache.beginFill('k').store(answer('new'), { tags: ['t0'] })).toBe(true);
  });

  it('tells listeners where it came from, and survives those that throw', () => {
    const { cache } = make();
    const seen: unknown[] = [];
    cache.onInvalidate(() => {
      throw new Error('bus is down');
    });
    const end = cache.onInvalidate((tags, from) => seen.push([tags, from]));
    void cache.invalidate(['a']);
    void cache.invalidate(['b'], { from: 'bus' });
    void cache.invalidate([]);
    end();
    void cache.invalidate(['c']);
    expect(seen).toEqual([
      [['a'], 'local'],
      [['b'], 'bus'],
    ]);
    expect(cache.counters.listenerFailures).toBe(3);
  });

  it('clears all, with what is being made', () => {
    const { cache } = make();
    const before = cache.beginFill('k');
    put(cache, 'a', ['t']);
    cache.clear();
    expect(before.store(answer('old'), { tags: [] })).toBe(false);
    expect(put(cache, 'k')).toBe(true);
    expect(cache.counters).toMatchObject({ entries: 1, tags: 0, links: 0 });
  });

  it('never serves an answer that predates an invalidation of its tags, whatever the order of things', () => {
    const TAGS = ['a', 'b', 'c', 'd'];
    const tagSet = fc.subarray(TAGS, { minLength: 1 });
    const event = fc.oneof(
      fc.record({ do: fc.constant('begin' as const), key: fc.nat(3), tags: tagSet }),
      fc.record({ do: fc.constant('store' as const), which: fc.nat(20) }),
      fc.record({ do: fc.constant('commit' as const), tag: fc.constantFrom(...TAGS) }),
      fc.record({ do: fc.constant('invalidate' as const), tags: tagSet }),
      fc.record({ do: fc.constant('read' as const), key: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 120 }), fc.constantFrom(1, 2, 1000), (events, maxFences) => {
        const { cache } = make({ maxFences, maxEntries: 3 });
        // Versions of the data, and those that every later read must at least show.
        const committed: Record<string, number> = { a: 0, b: 0, c: 0, d: 0 };
        const promised: Record<string, number> = { ...committed };
        const begun: { fill: CacheFill; tags: string[]; seen: string; since: Record<string, number> }[] = [];
        const raised: Record<string, number> = { ...committed };
        for (const happening of events) {
          switch (happening.do) {
            case 'begin': {
              const fill = cache.beginFill(`k${happening.key}`);
              const seen = JSON.stringify(happening.tags.map((tag) => [tag, committed[tag]]));
              begun.push({ fill, tags: happening.tags, seen, since: { ...raised } });
              break;
            }
            case 'store': {
              const open = begun[happening.which];
              if (!open) break;
              const stored = open.fill.store(answer(open.seen), { tags: open.tags });
              if (open.tags.some((tag) => raised[tag] !== open.since[tag])) expect(stored).toBe(false);
              break;
            }
            case 'commit':
              committed[happening.tag] = (committed[happening.tag] ?? 0) + 1;
              break;
            case 'invalidate':
              for (const tag of happening.tags) {
                promised[tag] = committed[tag] ?? 0;
                raised[tag] = (raised[tag] ?? 0) + 1;
              }
              void cache.invalidate(happening.tags);
              break;
            case 'read': {
              const found = cache.lookup(`k${happening.key}`);
              if (!found) break;
              for (const [tag, version] of JSON.parse(found.head) as [string, number][]) {
                expect(version).toBeGreaterThanOrEqual(promised[tag] ?? 0);
              }
            }
          }
        }
        const live = cache.counters;
        expect(live.entries).toBeLessThanOrEqual(3);
        if (live.entries === 0) expect([live.tags, live.links]).toEqual([0, 0]);
      }),
      { numRuns: 1000 },
    );
  });

  it('stores whatever was not invalidated meanwhile', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 50 }), (tags) => {
        const { cache } = make();
        const fill = cache.beginFill('k');
        for (const tag of tags) void cache.invalidate([tag]);
        expect(fill.store(answer('x'), { tags: ['a', 'b'] })).toBe(!tags.includes('a') && !tags.includes('b'));
      }),
    );
  });

  it('has in its index every entry that it holds and no other, whatever pushed them out', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('put' as const), key: fc.nat(60), tags: fc.array(fc.nat(5)), size: fc.nat(2_000) }),
      fc.record({ do: fc.constant('read' as const), key: fc.nat(60) }),
      fc.record({ do: fc.constant('invalidate' as const), tag: fc.nat(5) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(400) }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 150 }), fc.integer({ min: 1, max: 60 }), (steps, max) => {
        const { cache, clock } = make({ maxEntries: max, maxBytes: 40_000, ttlMs: 5_000 });
        const given = new Map<string, readonly string[]>();
        for (const at of steps) {
          if (at.do === 'wait') clock.ms += at.ms;
          else if (at.do === 'read') cache.lookup(`k${at.key}`);
          else if (at.do === 'invalidate') void cache.invalidate([`t${at.tag}`]);
          else {
            const tags = at.tags.map((tag) => `t${tag}`);
            if (put(cache, `k${at.key}`, tags, 'x'.repeat(at.size))) given.set(`k${at.key}`, tags);
          }
          const { entries, bytes } = cache.counters;
          expect(entries).toBeLessThanOrEqual(max);
          expect(bytes).toBeLessThanOrEqual(40_000);
        }
        const live = [...given].filter(([key]) => cache.lookup(key) !== undefined).map(([, tags]) => new Set(tags));
        expect(cache.counters).toMatchObject({
          entries: live.length,
          links: live.reduce((sum, tags) => sum + tags.size, 0),
          tags: new Set(live.flatMap((tags) => [...tags])).size,
        });
        for (let tag = 0; tag <= 5; tag++) void cache.invalidate([`t${tag}`]);
        expect(cache.counters).toMatchObject({ entries: live.filter((tags) => tags.size === 0).length, links: 0 });
      }),
      { numRuns: 300 },
    );
  });

  it('leaves nothing behind in the index after 100,000 stores and invalidations', () => {
    const { cache, clock } = make({ maxEntries: 500, maxFences: 100 });
    let state = 42;
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state % below;
    };
    const expected = new Map<string, readonly string[]>();
    for (let i = 0; i < 100_000; i++) {
      const key = `k${random(2000)}`;
      const tags = [`project:${random(300)}`, `user:${random(50)}`, `project:${random(300)}`];
      if (put(cache, key, tags)) expected.set(key, tags);
      if (i % 7 === 0) void cache.invalidate([`project:${random(300)}`]);
      if (i % 1000 === 0) clock.ms += 30_000;
    }
    const live = [...expected].filter(([key]) => cache.lookup(key) !== undefined);
    const { entries, links, tags, evictions } = cache.counters;
    expect(entries).toBe(live.length);
    expect(links).toBe(live.reduce((sum, [, of]) => sum + new Set(of).size, 0));
    expect(tags).toBe(new Set(live.flatMap(([, of]) => of)).size);
    expect(evictions).toBeGreaterThan(1000);
    for (const tag of new Set(live.flatMap(([, of]) => of))) void cache.invalidate([tag]);
    expect(cache.counters).toMatchObject({ entries: 0, links: 0, tags: 0, bytes: 0 });
  });
});
