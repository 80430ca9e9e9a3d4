import { randomBytes } from 'node:crypto';
import { defineConfig, loadConfig } from '@nexus/config';
import pg from 'pg';
import { z } from 'zod';

const testConfig = defineConfig('testing', {
  NEXUS_TEST_DATABASE_URL: {
    schema: z.url({ error: 'is not set: run specs through Jest, whose set-up starts PostgreSQL' }),
    description: 'PostgreSQL for specs, as its superuser.',
    secret: true,
  },
});

/** A database of a spec's own. */
export interface TestDatabase {
  readonly url: string;
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

async function asSuperuser(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'nexus-test' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/**
 * Makes an empty database on the PostgreSQL that Jest has started.
 * @throws ConfigError outside Jest's global set-up, when nothing says where PostgreSQL is
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = loadConfig([testConfig]).get(testConfig).NEXUS_TEST_DATABASE_URL;
  const name = `nexus_test_${randomBytes(8).toString('hex')}`;
  await asSuperuser(server, `CREATE DATABASE ${name} TEMPLATE template0`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asSuperuser(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
