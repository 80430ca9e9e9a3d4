import type { RevocationList } from '@nexus/auth-guards';
import type { ResponseCache } from '@nexus/caching';
import type { DatabaseRoot } from '@nexus/database';
import { registerCollector } from '@nexus/observability';
import type { InFlight } from './chain/in-flight.js';
import type { LimitCounters } from './chain/limits.js';

/** What the process counts besides requests. */
export interface Measured {
  readonly databases: DatabaseRoot;
  readonly cache: ResponseCache;
  readonly limits: LimitCounters;
  readonly revocations: RevocationList;
  readonly inFlight: InFlight;
}

/** Registers the gauges and counters of the process. @returns takes them away again */
export function registerProcessMetrics({ databases, cache, limits, revocations, inFlight }: Measured): () => void {
  const counter = { type: 'counter' } as const;
  const gone = [
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
        ];
      },
      counter,
    ),
    registerCollector('cache_hit_ratio', 'Share of look-ups answered from the cache since the start.', ['tier'], () => {
      const { hits, misses } = cache.counters;
      return [{ labels: { tier: 'l1' }, value: hits + misses === 0 ? 0 : hits / (hits + misses) }];
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
