export { GuardedRedis, type GuardedRedisOptions, type RedisCalls } from './guarded-redis.js';
export { type RedisConfig, redisConfig } from './redis.config.js';
export { RedisAway, type RedisAwayReason } from './redis-away.js';
export type { RedisClient } from './redis-client.js';
export { parseRedisUrls, type RedisAddress } from './redis-urls.js';
