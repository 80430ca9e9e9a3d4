import { randomBytes } from 'node:crypto';
import pg from 'pg';

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
 * @throws Error outside Jest's global set-up, when nothing says where PostgreSQL is
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = process.env.NEXUS_TEST_DATABASE_URL;
  if (!server) throw new Error('NEXUS_TEST_DATABASE_URL is not set: run specs through Jest, whose set-up starts PostgreSQL');
  const name = `nexus_test_${randomBytes(8).toString('hex')}`;
  await asSuperuser(server, `CREATE DATABASE ${name} TEMPLATE template0`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asSuperuser(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
