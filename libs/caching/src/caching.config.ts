import { type ConfigOf, defineConfig, env } from '@nexus/config';

/** The answers that are kept: by each process (first tier), and in Redis for all of them (second tier). */
export const cachingConfig = defineConfig('caching', {
  CACHE_ENABLED: { schema: env.boolean(true), description: 'Whether answers are kept at all.' },
  CACHE_L1_ENTRIES: {
    schema: env.int(1000, { min: 1, max: 1_000_000 }),
    description: 'Most answers held in memory.',
  },
  CACHE_L1_TTL_SECONDS: {
    schema: env.int(300, { min: 1, max: 86_400 }),
    description: 'Longest life of an answer in memory, in seconds.',
  },
  CACHE_L1_BYTES: {
    schema: env.int(64 * 1024 * 1024, { min: 1024 * 1024, max: 16 * 1024 ** 3 }),
    description: 'Most memory the answers may take, in bytes.',
  },
  CACHE_L2_TTL_SECONDS: {
    schema: env.int(3_600, { max: 86_400 }),
    description:
      'Longest life of an answer in Redis, in seconds; 0 keeps none there. Where `REDIS_URL` is not set there is no second tier.',
  },
});
export type CachingConfig = ConfigOf<typeof cachingConfig>;
