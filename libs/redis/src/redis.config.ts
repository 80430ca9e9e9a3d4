import { type ConfigOf, defineConfig, env } from '@nexus/config';
import { parseRedisUrls } from './redis-urls.js';

/** Where Redis is, and how long it is waited for. */
export const redisConfig = defineConfig('redis', {
  REDIS_URL: {
    schema: env
      .string()
      .superRefine((text, context) => {
        for (const message of parseRedisUrls(text).faults) context.addIssue({ code: 'custom', message });
      })
      .optional(),
    description:
      'Redis for limits, revocations and the second cache tier, as `redis://` or `rediss://` (TLS), with user and password where there are any. Several, separated by commas, are nodes of one Redis Cluster. It needs Redis 6.2 or later, no persistence, and with `maxmemory` the policy `volatile-lfu`.',
    secret: true,
  },
  REDIS_DEADLINE_MS: {
    schema: env.int(15, { min: 5, max: 1_000 }),
    description:
      'How long one answer of Redis is waited for, in ms; then the process goes on without it. Limits are decided within 10 ms more.',
  },
  REDIS_KEY_PREFIX: {
    schema: env
      .string()
      .regex(/^[\w:.-]{1,64}$/, 'must be up to 64 letters, digits, `_`, `-`, `.` or `:`')
      .default('nexus:'),
    description: 'What the names of all keys begin with: several platforms may share one Redis.',
  },
});
export type RedisConfig = ConfigOf<typeof redisConfig>;
