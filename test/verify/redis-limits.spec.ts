import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { GuardedRedis, parseRedisUrls } from '@nexus/redis';
import { type RateDecision, RedisRateLimiter } from '@nexus/throttling';
import type { RedisServer } from '../../tools/verify/redis-server.js';
import { until } from './support/conditions.js';
import { openRedis, openRedisCluster } from './support/redis.js';

/** Soon over, and longer than a busy machine keeps a process from running. */
const HURRIED = { deadlineMs: 100 };
const WINDOW_MS = 60_000;
/** Of a decision while Redis is away: the deadline, and what the machine takes. */
const DECISION_MS = 200;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function link(url: string, deadlineMs: number): Promise<GuardedRedis> {
  const redis = await GuardedRedis.open({ ...parseRedisUrls(url), deadlineMs, prefix: 'test:' });
  closing.push(() => redis.close());
  return redis;
}

/** @param deadlineMs so long that none is late on a busy machine, where it is the counting that matters */
async function open(
  url: string,
  { count = 2, deadlineMs = 1_000 } = {},
): Promise<{ redis: GuardedRedis; limiter: RedisRateLimiter }[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const redis = await link(url, deadlineMs);
      return { redis, limiter: new RedisRateLimiter(redis, { share: 1 / count }) };
    }),
  );
}

const both = (all: readonly { limiter: RedisRateLimiter }[]) => all.map(({ limiter }) => limiter);

async function single(url: string): Promise<RedisRateLimiter> {
  const [one] = await open(url, { count: 1 });
  return one?.limiter as RedisRateLimiter;
}

async function server(): Promise<RedisServer> {
  const redis = await openRedis();
  closing.push(() => redis.stop());
  return redis;
}

/** As many at each limiter, 64 at a time in all. */
async function flood(all: readonly RedisRateLimiter[], key: string, limit: number, requests: number) {
  const decisions: (RateDecision & { readonly ms: number })[] = [];
  const left = new Map(all.map((limiter) => [limiter, requests / all.length]));
  const ask = async (limiter: RedisRateLimiter) => {
    for (;;) {
      const mine = left.get(limiter) as number;
      if (mine <= 0) return;
      left.set(limiter, mine - 1);
      const from = performance.now();
      const decision = await limiter.consume(key, limit, WINDOW_MS);
      decisions.push({ ...decision, ms: performance.now() - from });
    }
  };
  await Promise.all(Array.from({ length: 64 }, (_, i) => ask(all[i % all.length] as RedisRateLimiter)));
  return {
    admitted: decisions.filter(({ allowed }) => allowed).length,
    slowest: Math.max(...decisions.map(({ ms }) => ms)),
    decisions,
  };
}

describe('limits counted in Redis', () => {
  let cluster: RedisServer[];
  beforeAll(async () => {
    cluster = await openRedisCluster();
  }, 60_000);
  afterAll(() => Promise.all((cluster ?? []).map((node) => node.stop())), 60_000);

  test('admit just the limit of three times as many, whichever process is asked', async () => {
    const { url } = await server();
    const all = await open(url);
    const { admitted, decisions } = await flood(both(all), 'one', 1000, 3000);
    expect(admitted).toBe(1000);
    expect(
      decisions
        .filter(({ allowed }) => allowed)
        .map(({ remaining }) => remaining)
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(all.reduce((sum, { limiter }) => sum + limiter.decisions.alone, 0)).toBe(0);
  });

  test('do so on a cluster, for callers on all of its nodes', async () => {
    const all = await open(cluster.map(({ url }) => url).join(','));
    const keys = Array.from({ length: 12 }, (_, i) => `caller-${i}`);
    const admitted: number[] = [];
    for (const key of keys) admitted.push((await flood(both(all), key, 50, 192)).admitted);
    expect(admitted).toEqual(keys.map(() => 50));
    const held = await Promise.all(cluster.map(({ cli }) => cli('dbsize')));
    expect(held.every((size) => Number(size) > 0)).toBe(true);
  });

  test('begin a window with its first counted request, and end it a window later, whatever is refused', async () => {
    const { url, cli } = await server();
    const limiter = await single(url);
    expect(await limiter.consume('w', 0, 300)).toMatchObject({ allowed: false, remaining: 0 });
    expect(await cli('dbsize')).toBe('0');
    const from = performance.now();
    expect(await limiter.consume('w', 2, 300)).toEqual({ allowed: true, limit: 2, remaining: 1, resetSeconds: 1 });
    expect(await limiter.consume('w', 2, 300)).toMatchObject({ allowed: true, remaining: 0 });
    await until(async () => (await limiter.consume('w', 2, 300)).allowed, 'the next window is open');
    expect(performance.now() - from).toBeGreaterThan(290);
    expect(performance.now() - from).toBeLessThan(700);
  });

  test('hold another limit against what was counted', async () => {
    const { url } = await server();
    const limiter = await single(url);
    for (let i = 0; i < 5; i += 1) await limiter.consume('r', 10, WINDOW_MS);
    expect(await limiter.consume('r', 5, WINDOW_MS)).toMatchObject({ allowed: false });
    expect(await limiter.consume('r', 20, WINDOW_MS)).toMatchObject({ allowed: true, remaining: 14 });
  });
});

describe('while Redis is away', () => {
  test('frozen: every decision in time, by the share of each, and nothing is granted twice when it goes on', async () => {
    const redis = await server();
    const all = await open(redis.url, HURRIED);
    const limiters = both(all);
    expect((await flood(limiters, 'f', 1000, 400)).admitted).toBe(400);
    redis.freeze();
    const during = await flood(limiters, 'f', 1000, 3000);
    console.log(`frozen: slowest decision ${during.slowest.toFixed(1)} ms, admitted ${during.admitted} of 600 left`);
    expect(during.slowest).toBeLessThan(DECISION_MS);
    // What was left, half of it each; and at most what was being asked when Redis stopped.
    expect(during.admitted).toBeGreaterThanOrEqual(600);
    expect(during.admitted).toBeLessThanOrEqual(664);
    redis.thaw();
    await until(() => all.every(({ redis: link }) => link.isUp), 'Redis is asked again', 5_000);
    const after = await flood(limiters, 'f', 1000, 500);
    expect(after.admitted).toBe(0);
    expect((await flood(limiters, 'g', 100, 300)).admitted).toBe(100);
  });

  test('the default deadline keeps every decision below 25 ms, on a machine that is not busy', async () => {
    const redis = await server();
    const [one] = await open(redis.url, { count: 1, deadlineMs: 15 });
    const limiter = one?.limiter as RedisRateLimiter;
    await flood([limiter], 'd', 1_000_000, 2_000);
    redis.freeze();
    const { decisions, slowest } = await flood([limiter], 'd', 1_000_000, 2_000);
    const waited = decisions.filter(({ ms }) => ms > 10).length;
    console.log(`frozen: ${waited} of 2,000 decisions waited, the slowest took ${slowest.toFixed(1)} ms`);
    // Those that were under way, and of those after them whoever came before it was known.
    expect(waited).toBeLessThanOrEqual(64 + 5);
    expect(slowest).toBeLessThan(DECISION_MS);
  });

  test('gone and back with nothing: what was counted is not forgotten', async () => {
    const redis = await server();
    const all = await open(redis.url, HURRIED);
    const limiters = both(all);
    expect((await flood(limiters, 'k', 300, 200)).admitted).toBe(200);
    await redis.stop();
    const during = await flood(limiters, 'k', 300, 300);
    expect(during.slowest).toBeLessThan(DECISION_MS);
    expect(during.admitted).toBeLessThanOrEqual(200);
    const again = await openRedis(redis.port);
    closing.push(() => again.stop());
    await until(() => all.every(({ redis: link }) => link.isUp), 'Redis is asked again', 5_000);
    const after = await flood(limiters, 'k', 300, 600);
    expect(during.admitted + after.admitted).toBeGreaterThanOrEqual(99);
    expect(during.admitted + after.admitted).toBeLessThanOrEqual(200);
  });

  test('not there when the process starts: alone at first, together as soon as it is', async () => {
    const { port, url, stop } = await openRedis();
    await stop();
    const all = await open(url);
    const limiters = both(all);
    expect((await flood(limiters, 'n', 10, 100)).admitted).toBe(10);
    const late = await openRedis(port);
    closing.push(() => late.stop());
    await until(() => all.every(({ redis: link }) => link.isUp), 'Redis is asked', 5_000);
    expect((await flood(limiters, 'm', 10, 100)).admitted).toBe(10);
    expect(all.every(({ limiter }) => limiter.decisions.shared > 0)).toBe(true);
  });

  test('one node of a cluster frozen: its callers go on alone, all others as before', async () => {
    const nodes = await openRedisCluster();
    closing.push(() => Promise.all(nodes.map((node) => node.stop())));
    const all = await open(nodes.map(({ url }) => url).join(','), HURRIED);
    const limiters = both(all);
    const keys = Array.from({ length: 30 }, (_, i) => `c-${i}`);
    await Promise.all(keys.map((key) => flood(limiters, key, 10, 2)));
    nodes[1]?.freeze();
    const during = await Promise.all(keys.map((key) => flood(limiters, key, 10, 30)));
    expect(Math.max(...during.map(({ slowest }) => slowest))).toBeLessThan(DECISION_MS);
    expect(during.every(({ admitted }) => admitted === 8)).toBe(true);
    const { shared, alone } = (limiters[0] as RedisRateLimiter).decisions;
    expect(shared).toBeGreaterThan(alone);
    expect(all[0]?.redis.away).toEqual([`127.0.0.1:${nodes[1]?.port}`]);
    nodes[1]?.thaw();
    await until(() => all.every(({ redis }) => redis.isUp), 'the node is asked again', 10_000);
  });
});
