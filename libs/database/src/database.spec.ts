import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import pg from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import {
  Database,
  DatabaseRoot,
  databaseFault,
  isUniqueViolation,
  migrate,
  revertLast,
  type SchemaPlan,
} from './index.js';

class Things1763856000009 implements MigrationInterface {
  readonly name = 'Things1763856000009';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE auth.things (id int PRIMARY KEY, name text NOT NULL UNIQUE)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE auth.things');
  }
}

const auth: SchemaPlan = { schema: 'auth', migrations: [Things1763856000009] };
const user: SchemaPlan = { schema: 'user', migrations: [] };

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

async function inSql<T extends object>(sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

describe('migrations', () => {
  test('run once however many run at once, and go back and forth', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => migrate(database.url, [auth, user], ['auth', 'user'])));
    expect(runs.filter((applied) => applied.length > 0)).toHaveLength(1);
    expect(runs.flat().sort()).toEqual([
      'auth.PlatformTables1763856000000',
      'auth.Things1763856000009',
      'user.PlatformTables1763856000000',
    ]);
    await revertLast(database.url, auth);
    expect(await inSql("SELECT to_regclass('auth.things') AS t")).toEqual([{ t: null }]);
    expect(await migrate(database.url, [auth, user], ['auth', 'user'])).toEqual(['auth.Things1763856000009']);
  });
});

describe('a database of a service', () => {
  let root: DatabaseRoot;
  const config = { DATABASE_POOL_SIZE: 4, DATABASE_STATEMENT_TIMEOUT_MS: 500 };

  beforeAll(async () => {
    root = await DatabaseRoot.open({ ...config, DATABASE_URL: database.url }, 'development', [
      { schema: 'auth' },
      { schema: 'user' },
    ]);
  });
  afterAll(async () => {
    await root.close();
  });
  beforeEach(async () => {
    await root.get('auth').query('DELETE FROM auth.things');
  });

  test('has its own role, which cannot reach another schema', async () => {
    expect(await root.get('auth').query('SELECT current_user AS name')).toEqual([{ name: 'nexus_auth' }]);
    expect(await root.get('auth').prepared('SELECT current_user AS name')).toEqual([{ name: 'nexus_auth' }]);
    await expect(root.get('user').query('SELECT * FROM auth.things')).rejects.toMatchObject({ code: '42501' });
  });

  test('keeps all of a transaction or nothing, and calls back after the commit only', async () => {
    const auths = root.get('auth');
    const calls: string[] = [];
    await auths.transaction(async (tx) => {
      tx.afterCommit(async () => {
        calls.push(`kept ${(await auths.query('SELECT id FROM auth.things')).length}`);
      });
      await tx.prepared('INSERT INTO auth.things VALUES ($1, $2)', [1, 'a']);
    });
    const failing = auths.transaction(async (tx) => {
      tx.afterCommit(() => {
        calls.push('never');
      });
      await tx.prepared('INSERT INTO auth.things VALUES ($1, $2)', [2, 'b']);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(calls).toEqual(['kept 1']);
    expect(await auths.query('SELECT id FROM auth.things')).toEqual([{ id: 1 }]);
  });

  test('joins the ambient transaction', async () => {
    const auths = root.get('auth');
    const work = auths.ambientTransaction(async () => {
      await auths.transaction((tx) => tx.prepared('INSERT INTO auth.things VALUES (1, $1)', ['a']));
      expect(await auths.prepared('SELECT id FROM auth.things')).toHaveLength(1);
      throw new Error('roll it all back');
    });
    await expect(work).rejects.toThrow('roll it all back');
    expect(await auths.query('SELECT id FROM auth.things')).toEqual([]);
  });

  test('gives the rows of several statements one after the other', async () => {
    expect(await root.get('auth').query('SELECT 1 AS n; SET LOCAL lock_timeout = 0; SELECT 2 AS n')).toEqual([
      { n: 1 },
      { n: 2 },
    ]);
  });

  test('tells faults apart', async () => {
    const auths = root.get('auth');
    await auths.query("INSERT INTO auth.things VALUES (1, 'a')");
    const twice = await auths.query("INSERT INTO auth.things VALUES (2, 'a')").catch((error: unknown) => error);
    expect(isUniqueViolation(twice)).toBe(true);
    expect(isUniqueViolation(twice, 'things_name_key')).toBe(true);
    expect(databaseFault(twice)).toBeUndefined();
    const slow = await auths.query('SELECT pg_sleep(5)').catch((error: unknown) => error);
    expect(databaseFault(slow)).toMatchObject({ status: 504 });
  });

  test('who is let in no more, since the password was changed, is told to come again', async () => {
    const login = `nexus_gone_${process.pid}`;
    await inSql(`CREATE ROLE ${login} LOGIN PASSWORD 'one'`);
    try {
      const url = new URL(database.url);
      url.username = login;
      url.password = 'another';
      const refused = await new pg.Client({ connectionString: url.href }).connect().catch((error: unknown) => error);
      expect(databaseFault(refused)).toMatchObject({ status: 503 });
    } finally {
      await inSql(`DROP ROLE ${login}`);
    }
  });

  test('a killed connection is one 503, and the next request works', async () => {
    const auths = root.get('auth');
    const cut = await auths
      .transaction(async (tx) => {
        const [me] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        await inSql(`SELECT pg_terminate_backend(${me?.pid})`);
        return tx.query('SELECT 1');
      })
      .catch((error: unknown) => error);
    expect(databaseFault(cut)).toMatchObject({ status: 503 });
    expect(await auths.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('the connections of a process', () => {
  test('never exceed the budget, whichever service asks, and everyone is served', async () => {
    const root = await DatabaseRoot.open(
      { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 3, DATABASE_STATEMENT_TIMEOUT_MS: 5_000 },
      'development',
      [{ schema: 'auth' }, { schema: 'user' }],
    );
    try {
      let most = 0;
      const work = async (db: Database, i: number) => {
        await db.query('SELECT pg_sleep($1)', [0.002 * (i % 3)]);
        most = Math.max(most, root.budget.used);
      };
      await Promise.all(Array.from({ length: 200 }, (_, i) => work(root.get(i % 2 === 0 ? 'auth' : 'user'), i)));
      expect(most).toBeLessThanOrEqual(3);
      const [row] = await inSql<{ n: string }>(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE 'nexus-%' AND datname = current_database()",
      );
      expect(Number(row?.n)).toBeLessThanOrEqual(3);
    } finally {
      await root.close();
    }
  });

  test('a service that holds none gets one as soon as another lets go', async () => {
    const root = await DatabaseRoot.open(
      { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 2, DATABASE_STATEMENT_TIMEOUT_MS: 5_000 },
      'development',
      [{ schema: 'auth' }, { schema: 'user' }],
    );
    try {
      // Longer than a service waits before it takes the one connection of another.
      await Promise.all([1, 2].map(() => root.get('auth').query('SELECT pg_sleep(0.3)')));
      expect(root.budget.stats().find((pool) => pool.name === 'auth')?.idle).toBe(2);
      expect(await root.get('user').query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(root.budget.used).toBeLessThanOrEqual(2);
    } finally {
      await root.close();
    }
  });

  test('stay with services that are all busy instead of going from one to the other', async () => {
    const root = await DatabaseRoot.open(
      { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 4, DATABASE_STATEMENT_TIMEOUT_MS: 5_000 },
      'development',
      [{ schema: 'auth' }, { schema: 'user' }],
    );
    try {
      const pids = new Set<number>();
      const ask = async (schema: string) => {
        const [row] = await root.get(schema).query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        pids.add((row as { pid: number }).pid);
      };
      for (let round = 0; round < 100; round++) {
        await Promise.all(['auth', 'user'].flatMap((schema) => [1, 2, 3, 4].map(() => ask(schema))));
      }
      // Taking turns would open a new one nearly every round; a stall of the machine may cost a few.
      expect(pids.size).toBeLessThanOrEqual(40);
    } finally {
      await root.close();
    }
  });

  test('a service that is given none of its own for a while takes one that idles elsewhere', async () => {
    const root = await DatabaseRoot.open(
      { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 2, DATABASE_STATEMENT_TIMEOUT_MS: 5_000 },
      'development',
      [{ schema: 'auth' }, { schema: 'user' }],
    );
    try {
      await Promise.all(['auth', 'user'].map((schema) => root.get(schema).query('SELECT 1')));
      await root.get('user').transaction(async (tx) => {
        await tx.query('SELECT 1');
        expect(await root.get('user').query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      });
    } finally {
      await root.close();
    }
  });
});
