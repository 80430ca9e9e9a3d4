import { afterEach, describe, expect, it } from '@jest/globals';
import { migrateServices, schemaPlan } from '@nexus/bootstrap';
import { DatabaseRoot, revertLast, type SchemaPlan } from '@nexus/database';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import pg from 'pg';
import { authService } from '../index.js';

const plan = schemaPlan(authService) as SchemaPlan;
let database: TestDatabase;

afterEach(async () => {
  await database.drop();
});

async function tables(): Promise<string[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rows } = await client.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'auth' ORDER BY tablename`);
    return rows.map((row: { tablename: string }) => row.tablename);
  } finally {
    await client.end();
  }
}

describe('the migrations of auth', () => {
  it('go up, down and up again, and twice at once', async () => {
    database = await createTestDatabase();
    const [one, two] = await Promise.all([
      migrateServices(database.url, [authService]),
      migrateServices(database.url, [authService]),
    ]);
    const own = [...one, ...two].filter((name) => name.startsWith('auth.'));
    expect(own).toHaveLength(1 + plan.migrations.length);
    const up = await tables();
    expect(up).toEqual(expect.arrayContaining(['accounts', 'api_keys', 'sessions', 'signing_keys', 'revocations']));
    for (const _ of plan.migrations) await revertLast(database.url, plan);
    expect(await tables()).toEqual(['idempotency_keys', 'migrations', 'processed_events']);
    await migrateServices(database.url, [authService]);
    expect(await tables()).toEqual(up);
  }, 30_000);

  it('make what the entities say', async () => {
    database = await createTestDatabase();
    await migrateServices(database.url, [authService]);
    const root = await DatabaseRoot.open(
      { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 2, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 },
      'development',
      [{ schema: 'auth', entities: authService.database?.entities ?? [] }],
    );
    try {
      const drift = await root.get('auth').dataSource.driver.createSchemaBuilder().log();
      expect(drift.upQueries.map(({ query }) => query)).toEqual([]);
    } finally {
      await root.close();
    }
  }, 30_000);
});
