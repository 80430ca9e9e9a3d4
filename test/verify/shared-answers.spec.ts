import { afterEach, describe, expect, test } from '@jest/globals';
import { type CachedAnswer, ResponseCache, SharedAnswers, SharedFill } from '@nexus/caching';
import { GuardedRedis, parseRedisUrls } from '@nexus/redis';
import { FaultLink } from '@nexus/testing';
import type { RedisServer } from '../../tools/verify/redis-server.js';
import { until } from './support/conditions.js';
import { openRedis, openRedisCluster } from './support/redis.js';

const CONFIG = {
  CACHE_ENABLED: true,
  CACHE_L1_ENTRIES: 1000,
  CACHE_L1_TTL_SECONDS: 300,
  CACHE_L1_BYTES: 64 * 1024 * 1024,
  CACHE_L2_TTL_SECONDS: 3600,
};
const KEY = 'u\nsomebody\nuser\n\n/api/v1/projects/1';
const TAGS = ['project:1', '@project'];

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** What one process keeps. */
class Process {
  private constructor(
    readonly redis: GuardedRedis,
    readonly cache: ResponseCache,
    readonly shared: SharedAnswers,
  ) {}

  static async open(url: string): Promise<Process> {
    const redis = await GuardedRedis.open({ ...parseRedisUrls(url), deadlineMs: 250, prefix: 'test:' });
    const cache = ResponseCache.of(CONFIG);
    const shared = await SharedAnswers.open(redis, cache, CONFIG);
    closing.push(async () => {
      await shared.close();
      redis.close();
    });
    await until(() => shared.isTrusted, 'the log is followed', 5_000);
    return new Process(redis, cache, shared);
  }

  /** As a request does it: the first tier, the second one, and then the work itself. */
  async get(work: () => Promise<string> | string, key = KEY, tags = TAGS): Promise<{ text: string; from: string }> {
    const kept = this.shared.isTrusted ? this.cache.lookup(key) : undefined;
    if (kept) return { text: kept.head, from: 'l1' };
    const own = this.cache.beginFill(key);
    const found = (await this.shared.find(key, tags)) ?? (await this.shared.lead(key, tags, 2_000));
    if (!('leads' in found)) {
      own.store(found, { tags, ttlMs: found.expiresAt - Date.now() });
      return { text: found.head, from: 'l2' };
    }
    const fill = new SharedFill(own, this.shared, found);
    const text = await work();
    fill.store({ head: text, contentType: 'application/json; charset=utf-8' }, { tags });
    return { text, from: 'work' };
  }

  /** Until what was written is there. */
  async settled(key = KEY, tags = TAGS): Promise<CachedAnswer> {
    let found: CachedAnswer | undefined;
    const look = async () => {
      found = await this.shared.find(key, tags);
      return found !== undefined;
    };
    await until(look, 'the answer is in Redis', 5_000);
    return found as CachedAnswer;
  }
}

async function two(): Promise<{ server: RedisServer; a: Process; b: Process; link: FaultLink }> {
  const server = await openRedis();
  closing.push(() => server.stop());
  const link = new FaultLink(`http://127.0.0.1:${server.port}`);
  const url = (await link.open()).replace('http:', 'redis:');
  closing.push(() => link.close());
  const [a, b] = await Promise.all([Process.open(server.url), Process.open(url)]);
  return { server, a: a as Process, b: b as Process, link };
}

describe('what several processes keep together', () => {
  test('is made once, found by the others, and lives no longer there than in Redis', async () => {
    const { a, b, server } = await two();
    expect(await a.get(() => 'one, ünïcode')).toEqual({ text: 'one, ünïcode', from: 'work' });
    const { expiresAt } = await a.settled();
    expect(await b.get(() => 'never')).toEqual({ text: 'one, ünïcode', from: 'l2' });
    expect(b.cache.lookup(KEY)?.expiresAt).toBeLessThanOrEqual(expiresAt);
    expect(await b.get(() => 'never')).toMatchObject({ from: 'l1' });
    expect(Number(await server.cli('pttl', `test:answer:${KEY}`))).toBeGreaterThan(3_500_000);
  });

  test('is made once for a thousand who ask both at the same time', async () => {
    const { a, b } = await two();
    let made = 0;
    const work = async () => {
      made += 1;
      await new Promise((wake) => setTimeout(wake, 100));
      return 'made';
    };
    // Of one process one goes to Redis, whoever else asks there waits for it.
    const answers = await Promise.all([a, b, a, b].map((process) => process.get(work)));
    expect(answers.map(({ text }) => text)).toEqual(['made', 'made', 'made', 'made']);
    expect(made).toBe(1);
  });

  test('is dropped everywhere by whoever changes it, also an answer that was being made', async () => {
    const { a, b } = await two();
    await a.get(() => 'old');
    await a.settled();
    await b.get(() => 'never');
    const waits: number[] = [];
    for (let n = 0; n < 50; n += 1) {
      const from = performance.now();
      await a.cache.invalidate(['project:1']);
      await until(() => b.cache.lookup(KEY) === undefined, 'the other process knows', 1_000);
      waits.push(performance.now() - from);
      expect(await b.get(() => `new ${n}`)).toEqual({ text: `new ${n}`, from: 'work' });
    }
    console.log(`another process knows of a change after at most ${Math.max(...waits).toFixed(0)} ms`);
    let finish: (text: string) => void = () => undefined;
    const slow = b.get(() => new Promise((resolve) => (finish = resolve)), 'other', ['project:2']);
    await until(() => b.cache.counters.misses > 0, 'it is being made', 1_000);
    await a.cache.invalidate(['project:2']);
    await new Promise((wake) => setTimeout(wake, 50));
    finish('read before the change');
    await slow;
    expect(await a.get(() => 'fresh', 'other', ['project:2'])).toMatchObject({ text: 'fresh' });
    expect(await b.get(() => 'never', 'other', ['project:2'])).toMatchObject({ text: 'fresh' });
  });

  test('is not trusted by a process that hears nothing, and right as soon as it does again', async () => {
    const { a, b, link } = await two();
    await a.get(() => 'old');
    await a.settled();
    expect(await b.get(() => 'never')).toMatchObject({ text: 'old' });
    link.freeze();
    await a.cache.invalidate(['project:1']);
    const from = performance.now();
    await until(() => !b.shared.isTrusted, 'it trusts no longer what it keeps', 2_000);
    const unsureAfter = performance.now() - from;
    console.log(`cut off from the log: no kept answer is served after ${unsureAfter.toFixed(0)} ms`);
    expect(unsureAfter).toBeLessThan(1_000);
    link.thaw();
    await until(() => b.shared.isTrusted, 'the log is followed again', 5_000);
    expect(b.cache.lookup(KEY)).toBeUndefined();
    expect(await b.get(() => 'new')).toMatchObject({ text: 'new', from: 'work' });
  });

  test('hears of what was changed while its connections were made anew', async () => {
    const { a, b, link } = await two();
    await a.get(() => 'old');
    await a.settled();
    await b.get(() => 'never');
    link.refuse(true);
    for (let n = 0; n < 100; n += 1) await a.cache.invalidate([`project:${n}`]);
    link.refuse(false);
    await until(() => b.shared.isTrusted && b.redis.isUp, 'the log is followed again', 5_000);
    expect(await b.get(() => 'new')).toMatchObject({ text: 'new', from: 'work' });
  });

  test('is told of a change that Redis was not there for, when it is', async () => {
    const { a, b, server } = await two();
    await a.get(() => 'old');
    await a.settled();
    await b.get(() => 'never');
    server.freeze();
    await a.cache.invalidate(['project:1']);
    expect(a.shared.told).toBe(Number.POSITIVE_INFINITY);
    await until(() => !b.shared.isTrusted, 'nobody trusts what it keeps', 2_000);
    server.thaw();
    await until(() => a.shared.counters.owed === 0 && a.shared.isTrusted && b.shared.isTrusted, 'all know', 10_000);
    // Told twice, perhaps: what was asked of a frozen server may be done when it goes on.
    for (const { text } of [await b.get(() => 'new'), await a.get(() => 'new')]) expect(text).toBe('new');
  });

  test('is all forgotten where Redis was restarted and may have lost what was said', async () => {
    const { a, b, server } = await two();
    await a.get(() => 'old');
    await a.settled();
    await b.get(() => 'never');
    await server.stop();
    const again = await openRedis(server.port);
    closing.push(() => again.stop());
    await until(() => a.shared.isTrusted && b.shared.isTrusted && a.redis.isUp && b.redis.isUp, 'all know', 10_000);
    expect([a.cache.lookup(KEY), b.cache.lookup(KEY)]).toEqual([undefined, undefined]);
    expect(await b.get(() => 'new')).toMatchObject({ text: 'new' });
  });

  test('works on a cluster', async () => {
    const nodes = await openRedisCluster();
    closing.push(() => Promise.all(nodes.map((node) => node.stop())));
    const url = nodes.map((node) => node.url).join(',');
    const [a, b] = await Promise.all([Process.open(url), Process.open(url)]);
    for (let n = 0; n < 20; n += 1) {
      const tags = [`project:${n}`];
      expect(await a?.get(() => `one ${n}`, `key ${n}`, tags)).toMatchObject({ from: 'work' });
      await a?.settled(`key ${n}`, tags);
      expect(await b?.get(() => 'never', `key ${n}`, tags)).toEqual({ text: `one ${n}`, from: 'l2' });
      await b?.cache.invalidate(tags);
      await until(() => a?.cache.lookup(`key ${n}`) === undefined, 'the other process knows', 1_000);
      expect(await a?.get(() => `two ${n}`, `key ${n}`, tags)).toMatchObject({ text: `two ${n}`, from: 'work' });
    }
  });
});
