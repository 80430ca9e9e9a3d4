import { type ConfigOf, defineConfig, env } from '@nexus/config';
import { z } from 'zod';

/** How to reach PostgreSQL, and how many connections one process may hold. */
export const databaseConfig = defineConfig('database', {
  DATABASE_URL: {
    schema: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
    description: 'PostgreSQL 15 or later, as `postgres://user:password@host:port/database`.',
    secret: true,
    defaultText: 'set by the launcher to the embedded PostgreSQL',
  },
  DATABASE_POOL_SIZE: {
    schema: env
      .int(0, { max: 30 })
      .refine((n) => n === 0 || n >= 4, 'must be 0 or at least 4')
      .transform((n) => (n === 0 ? undefined : n)),
    description: 'Connections of one process, shared by all it opens; 0 takes the profile of `NEXUS_ENV`.',
    defaultText: '10 (development), 20 (staging), 30 (production)',
  },
  DATABASE_POOL_TIMEOUT_MS: {
    schema: env.int(0, { min: 100, max: 120_000 }).unwrap().optional(),
    description: 'How long a request waits for a connection, in ms.',
    defaultText: '10000 (development), 20000 (staging), 30000 (production)',
  },
  DATABASE_STATEMENT_TIMEOUT_MS: {
    schema: env.int(10_000, { min: 100, max: 600_000 }),
    description: 'Longest run of one statement, in ms.',
  },
});
type Loaded = ConfigOf<typeof databaseConfig>;
export type DatabaseConfig = Omit<Loaded, 'DATABASE_POOL_TIMEOUT_MS'> &
  Partial<Pick<Loaded, 'DATABASE_POOL_TIMEOUT_MS'>>;

/** Connections and waiting time of one process. */
export interface PoolProfile {
  /** Base size plus overflow: the most connections the process ever holds. */
  readonly max: number;
  /** How long a request waits for a connection, in ms. */
  readonly acquireTimeoutMs: number;
}

/** The three profiles: 5+5/10 s, 10+10/20 s, 20+10/30 s. */
export const POOL_PROFILES: Readonly<Record<'development' | 'staging' | 'production', PoolProfile>> = {
  development: { max: 5 + 5, acquireTimeoutMs: 10_000 },
  staging: { max: 10 + 10, acquireTimeoutMs: 20_000 },
  production: { max: 20 + 10, acquireTimeoutMs: 30_000 },
};
