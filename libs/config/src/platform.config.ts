import { z } from 'zod';
import { type ConfigOf, defineConfig } from './define-config.js';
import { env } from './load-config.js';

/** What every process reads, whatever it serves. */
export const platformConfig = defineConfig('platform', {
  NEXUS_ENV: {
    schema: z.enum(['development', 'staging', 'production']).default('development'),
    description: 'Pool profile and safety defaults: `development`, `staging` or `production`.',
  },
  HOST: { schema: env.string().default('127.0.0.1'), description: 'Address to listen on.' },
  PORT: { schema: env.int(8080, { min: 0, max: 65_535 }), description: 'Port of the API (edge processes).' },
  MANAGEMENT_PORT: {
    schema: env.int(9180, { min: 0, max: 65_535 }),
    description: 'Port of health and metrics; plain HTTP, not for clients.',
  },
  MANAGEMENT_HOST: { schema: env.string().default('127.0.0.1'), description: 'Address of the management port.' },
  PUBLIC_URL: {
    schema: z.url({ protocol: /^https?$/ }).optional(),
    description: 'Address under which clients reach the API; links and token issuer are made of it.',
    defaultText: 'http://localhost:PORT',
  },
  NEXUS_DATA_DIR: {
    schema: env.string().default('.nexus'),
    description: 'Folder of everything that is kept in files.',
  },
  SHUTDOWN_DRAIN_MS: {
    schema: env.int(0, { max: 60_000 }).unwrap().optional(),
    description: 'How long readiness answers 503 at shutdown while connections are still taken, in ms.',
    defaultText: '2000 for a gateway whose services run elsewhere, else 0',
  },
  SHUTDOWN_IDLE_MS: {
    schema: env.int(0, { max: 60_000 }).unwrap().optional(),
    description: 'How long idle connections are then left to their clients, in ms.',
    defaultText: '6000; 0 where one process holds all services',
  },
  SHUTDOWN_TIMEOUT_MS: {
    schema: env.int(8_000, { min: 100, max: 300_000 }),
    description: 'How long requests in flight may take to finish once no connections are taken, in ms.',
  },
});
export type PlatformConfig = ConfigOf<typeof platformConfig>;

/** {@link platformConfig} `PUBLIC_URL`, or the local address when it is not set; without a trailing slash. */
export function publicUrl(config: PlatformConfig): string {
  return (config.PUBLIC_URL ?? `http://localhost:${config.PORT}`).replace(/\/+$/, '');
}
