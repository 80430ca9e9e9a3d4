import type { Config } from '@nexus/config';
import type { Logger } from '@nexus/observability';
import { GuardedRedis, parseRedisUrls, redisConfig } from '@nexus/redis';
import { LocalRateLimiter, type RateLimiter, RedisRateLimiter } from '@nexus/throttling';
import type { Composition } from './compose.js';
import { edgeConfig } from './edge.config.js';

/** Connects to Redis, where one is configured; it need not be there. */
export async function openRedis(config: Config, logger: Logger): Promise<GuardedRedis | undefined> {
  const { REDIS_URL, REDIS_DEADLINE_MS, REDIS_KEY_PREFIX } = config.get(redisConfig);
  if (REDIS_URL === undefined) return undefined;
  const { addresses } = parseRedisUrls(REDIS_URL);
  return GuardedRedis.open({ addresses, deadlineMs: REDIS_DEADLINE_MS, prefix: REDIS_KEY_PREFIX, logger });
}

/**
 * The limits of callers: exact over all processes with Redis, in one process without. Only gateways know how many of
 * their kind there are; any other process counts what comes by them, and is one of few.
 */
export function createLimiter(redis: GuardedRedis | undefined, role: Composition['role'], config: Config): RateLimiter {
  if (!redis) return new LocalRateLimiter();
  return new RedisRateLimiter(redis, { share: role === 'edge' ? 1 / config.get(edgeConfig).GATEWAY_REPLICAS : 1 });
}
