import type { RevocationList } from '@nexus/auth-guards';
import type { ResponseCache, SharedAnswers } from '@nexus/caching';
import type { DatabaseRoot } from '@nexus/database';
import { registerCollector } from '@nexus/observability';
import type { GuardedRedis } from '@nexus/redis';
import { type RateLimiter, RedisRateLimiter } from '@nexus/throttling';
import type { Door } from './chain/door.js';
import type { InFlight } from './chain/in-flight.js';
import type { LimitCounters } from './chain/limits.js';
import { registerDoorMetrics } from './resilience-metrics.js';

/** What the process counts besides requests. */
export interface Measured {
  readonly databases: DatabaseRoot;
  readonly redis: GuardedRedis | undefined;
  readonly limiter: RateLimiter;
  readonly answers: SharedAnswers | undefined;
  readonly cache: ResponseCache;
  readonly limits: LimitCounters;
  readonly revocations: RevocationList;
  readonly inFlight: InFlight;
  readonly door: Door;
}

function tierTwo(answers: SharedAnswers) {
  const { hits, misses, fenced, collapsed } = answers.counters;
  return Object.entries({ hit: hits, miss: misses, fenced, collapsed }).map(([result, value]) => ({
    labels: { tier: 'l2', result },
    value,
  }));
}

/** Whether Redis answers, and what is decided without it. */
function redisMetrics({ redis, limiter }: Measured): (() => void)[] {
  if (!redis) return [];
  const counter = { type: 'counter' } as const;
  return [
    registerCollector('redis_up', 'Whether every server of Redis that was asked answers: 1 or 0.', [], () => [
      { value: redis.isUp ? 1 : 0 },
    ]),
    registerCollector(
      'redis_calls_total',
      'Calls of Redis by how they ended: ok, late, failed, or refused because it did not answer lately.',
      ['result'],
      () => Object.entries(redis.calls).map(([result, value]) => ({ labels: { result }, value })),
      counter,
    ),
    registerCollector(
      'rate_limit_modes_total',
      'Decisions of the rate limits: shared by all processes, or alone by the share of this one while Redis is away.',
      ['mode'],
      () =>
        limiter instanceof RedisRateLimiter
          ? Object.entries(limiter.decisions).map(([mode, value]) => ({ labels: { mode }, value }))
          : [],
      counter,
    ),
  ];
}

/** Registers the gauges and counters of the process. @returns takes them away again */
export function registerProcessMetrics(measured: Measured): () => void {
  const { databases, cache, answers, limits, revocations, inFlight, door } = measured;
  const counter = { type: 'counter' } as const;
  cache.latency.register();
  const gone = [
    registerDoorMetrics(door.limit),
    ...redisMetrics(measured),
    registerCollector('http_server_active_requests', 'HTTP requests that are being answered.', ['service'], () =>
      [...inFlight.byService()].map(([service, value]) => ({ labels: { service }, value })),
    ),
    registerCollector('db_pool_connections', 'Database connections by service and state.', ['service', 'state'], () =>
      databases.budget.stats().flatMap(({ name, open, idle, waiting }) => [
        { labels: { service: name, state: 'used' }, value: open - idle },
        { labels: { service: name, state: 'idle' }, value: idle },
        { labels: { service: name, state: 'waiting' }, value: waiting },
      ]),
    ),
    registerCollector('db_pool_max_connections', 'Most database connections of the process.', [], () => [
      { value: databases.budget.max },
    ]),
    registerCollector(
      'cache_requests_total',
      'Look-ups of cacheable answers by tier and result.',
      ['tier', 'result'],
      () => {
        const { hits, misses, collapsed } = cache.counters;
        return [
          { labels: { tier: 'l1', result: 'hit' }, value: hits },
          { labels: { tier: 'l1', result: 'miss' }, value: misses },
          { labels: { tier: 'l1', result: 'collapsed' }, value: collapsed },
          ...(answers ? tierTwo(answers) : []),
        ];
      },
      counter,
    ),
    registerCollector('cache_hit_ratio', 'Share of look-ups answered from the cache since the start.', ['tier'], () => {
      const tiers = [{ tier: 'l1', ...cache.counters }, ...(answers ? [{ tier: 'l2', ...answers.counters }] : [])];
      return tiers.map(({ tier, hits, misses }) => ({
        labels: { tier },
        value: hits + misses === 0 ? 0 : hits / (hits + misses),
      }));
    }),
    registerCollector('cache_entries', 'Answers that are kept.', ['tier'], () => [
      { labels: { tier: 'l1' }, value: cache.counters.entries },
    ]),
    registerCollector('cache_bytes', 'Memory of the kept answers.', ['tier'], () => [
      { labels: { tier: 'l1' }, value: cache.counters.bytes },
    ]),
    registerCollector(
      'rate_limit_decisions_total',
      'Decisions of the rate limits by result.',
      ['result'],
      () => [
        { labels: { result: 'allowed' }, value: limits.allowed },
        { labels: { result: 'refused' }, value: limits.refused },
      ],
      counter,
    ),
    registerCollector(
      'revoked_sessions',
      'Sessions whose tokens are refused although they have not expired.',
      [],
      () => [{ value: revocations.size }],
    ),
  ];
  return () => {
    for (const unregister of gone) unregister();
  };
}
