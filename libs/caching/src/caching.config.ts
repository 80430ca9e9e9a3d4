import { type ConfigOf, defineConfig, env } from '@nexus/config';

/** The answers a process keeps for itself. */
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
});
export type CachingConfig = ConfigOf<typeof cachingConfig>;
