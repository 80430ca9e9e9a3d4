import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import pg from 'pg';
import { BudgetedPool, ConnectionBudget, Database } from './index.js';

const READS = 400;

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query('CREATE TABLE runs (id int)');
  // Takes its time, and tells how often it was run, although it is a read by its text.
  await client.query(
    `CREATE FUNCTION nap(n int) RETURNS int LANGUAGE plpgsql AS $$
     BEGIN PERFORM pg_sleep(0.005 + 0.012 * (n % 5)); INSERT INTO runs VALUES (n); RETURN n; END $$`,
  );
  await client.end();
}, 60_000);

afterEach(() => db?.close());
afterAll(() => database?.drop());

describe('a database that takes its time for everything', () => {
  test('is not asked everything again and again', async () => {
    db = await Database.open({
      schema: 'public',
      url: database.url,
      budget: new ConnectionBudget(4),
      acquireTimeoutMs: 20_000,
      statementTimeoutMs: 20_000,
      driver: { ...pg, Pool: BudgetedPool },
    });
    const answers = await Promise.all(
      Array.from({ length: READS }, (_, n) => db.prepared<{ n: number }>('SELECT nap($1::int) AS n', [n])),
    );
    expect(answers.flat().map(({ n }) => n)).toEqual(Array.from({ length: READS }, (_, n) => n));
    const [{ runs }] = (await db.query('SELECT count(*)::int AS runs FROM runs')) as [{ runs: number }];
    // A fifth more, and what may be repeated at once.
    expect(runs).toBeLessThanOrEqual(READS * 1.2 + 32);
  }, 60_000);
});
