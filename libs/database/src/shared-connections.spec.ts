import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import fc from 'fast-check';
import pg from 'pg';
import { BudgetedPool, ConnectionBudget, Database, databaseFault } from './index.js';

let database: TestDatabase;
let other: pg.Client;
const opened: Database[] = [];

interface Options {
  readonly size?: number;
  readonly acquireTimeoutMs?: number;
  readonly statementTimeoutMs?: number;
  readonly url?: string;
  readonly budget?: ConnectionBudget;
  readonly schema?: string;
}

async function open(options: Options = {}): Promise<{ db: Database; budget: ConnectionBudget; pool: pg.Pool }> {
  const budget = options.budget ?? new ConnectionBudget(options.size ?? 4);
  const db = await Database.open({
    schema: options.schema ?? 'public',
    url: options.url ?? database.url,
    budget,
    acquireTimeoutMs: options.acquireTimeoutMs ?? 10_000,
    statementTimeoutMs: options.statementTimeoutMs ?? 10_000,
    driver: { ...pg, Pool: BudgetedPool },
  });
  opened.push(db);
  return { db, budget, pool: (db.dataSource.driver as unknown as { master: pg.Pool }).master };
}

/** What pg keeps privately and these specs look at. */
interface Inside {
  readonly _clients: { readonly connection: { readonly stream: Socket } }[];
}

const pidOf = async (db: Database): Promise<number> =>
  ((await db.prepared<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0] as { pid: number }).pid;
const settled = (work: Promise<unknown>[]) => Promise.all(work.map((one) => one.catch((error: unknown) => error)));
const codeOf = (error: unknown) => (error as { code?: string }).code;

/** Keeps everybody from `things` until the returned function is called. */
async function lockThings(): Promise<() => Promise<unknown>> {
  await other.query('BEGIN');
  await other.query('LOCK TABLE things IN ACCESS EXCLUSIVE MODE');
  return () => other.query('COMMIT');
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    if (await condition()) return;
    await turn();
  }
  throw new Error('It did not come to pass within 10 s');
}

const openOnServer = async () =>
  (
    await other.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'nexus-%' AND datname = current_database()",
    )
  ).rows[0]?.n;

beforeAll(async () => {
  database = await createTestDatabase();
  other = new pg.Client({ connectionString: database.url });
  await other.connect();
});
beforeEach(async () => {
  await other.query('DROP TABLE IF EXISTS things');
  await other.query('CREATE TABLE things (id int PRIMARY KEY, name text NOT NULL UNIQUE)');
  await other.query("INSERT INTO things SELECT i, 'n' || i FROM generate_series(1, 50) i");
});
afterEach(async () => {
  await other.query('ROLLBACK');
  for (const db of opened.splice(0)) await db.close();
});
afterAll(async () => {
  await other.end();
  await database.drop();
});

describe('reads that share a connection', () => {
  test('go to one connection and leave in one write', async () => {
    const { db, pool, budget } = await open();
    const first = await pidOf(db);
    const write = jest.spyOn((pool as unknown as Inside)._clients[0]?.connection.stream as Socket, 'write');
    const names = Array.from({ length: 8 }, (_, i) => db.prepared('SELECT name FROM things WHERE id = $1', [i + 1]));
    const pid = pidOf(db);
    expect((await Promise.all(names)).flat()).toEqual(Array.from({ length: 8 }, (_, i) => ({ name: `n${i + 1}` })));
    expect(await pid).toBe(first);
    expect(write).toHaveBeenCalledTimes(1);
    expect(budget.used).toBeLessThanOrEqual(2);
  });

  test('are all answered, each with its own rows, however many there are', async () => {
    const { db, budget } = await open();
    const ask = async (i: number) => {
      const [row] = await db.prepared<{ name: string }>('SELECT name FROM things WHERE id = $1', [(i % 50) + 1]);
      expect(row?.name).toBe(`n${(i % 50) + 1}`);
      expect(budget.used).toBeLessThanOrEqual(4);
    };
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 300 }, (_, i) => ask(i)));
    await until(async () => budget.stats()[0]?.idle === budget.used);
    expect(await openOnServer()).toBe(budget.used);
  });

  test('give the same rows as pg does', async () => {
    const { db, pool } = await open();
    const cases: [string, unknown[]][] = [
      [
        'SELECT $1::bigint AS a, $2::int AS b, $3::numeric AS c, $4::float8 AS d',
        ['9007199254740993', -7, '1.10', 0.1],
      ],
      [
        'SELECT $1::timestamptz AS a, $2::timestamp AS b, $3::date AS c, $4::interval AS d, $5::time AS e',
        [new Date(1.7e12), new Date(0), '2026-02-28', '1 day 02:03:04', '10:11:12.5'],
      ],
      [
        'SELECT $1::int[] AS a, $2::text[] AS b, $3::text[][] AS c, $4::timestamptz[] AS d',
        [
          [1, null, 3],
          ['a"b', 'c,d', '', null],
          [
            ['x', 'y'],
            ['z', '{}'],
          ],
          [new Date(5)],
        ],
      ],
      [
        'SELECT $1::jsonb AS a, $2::json AS b, $3::jsonb AS c',
        [{ k: [1, { n: null }] }, '"text"', { toJSON: () => 3 }],
      ],
      [
        'SELECT $1::bytea AS a, $2::bytea AS b, $3::text AS c, $4::bytea AS d',
        [Buffer.from([0, 255, 10]), new Uint8Array([1, 2]), 'between', Buffer.alloc(0)],
      ],
      ['SELECT $1::text AS a, $2::text AS b, $3::text AS c, $4::text AS d', ['žluť 🎉', '', null, undefined]],
      ['SELECT $1::text AS long', ['é'.repeat(100_000)]],
      [
        'SELECT $1::bool AS a, $2::uuid AS b, $3::inet AS c, $4::point AS d',
        [true, '0190f5fe-7c00-7a00-8000-000000000001', '10.0.0.1', '(1,2)'],
      ],
      ['SELECT $1::int AS same, $2::int AS same', [1, 2]],
      ['SELECT 1 AS "__proto__", 2 AS "constructor", 3 AS "?column?"', []],
      ['SELECT FROM things WHERE id < 4', []],
      ['SELECT * FROM things WHERE id < 0', []],
      ['SELECT t, ARRAY[t] AS ts, ROW(1, $1::text) AS r FROM things t WHERE id < 4 ORDER BY id', ['x']],
      ["INSERT INTO things VALUES ($1, 'fresh') ON CONFLICT DO NOTHING", [1]],
      ["UPDATE things SET name = name || '' WHERE id = $1 RETURNING *", [3]],
      ['VALUES ($1::int, $2::text), (2, NULL)', [1, 'v']],
      ['', []],
    ];
    for (let round = 0; round < 2; round++) {
      const ours = await Promise.all(cases.map(([text, values]) => db.prepared(text, values)));
      const inside = await db.transaction(async (tx) => {
        const all: unknown[] = [];
        for (const [text, values] of cases) all.push(await tx.prepared(text, values));
        return all;
      });
      for (const [i, [text, values]] of cases.entries()) {
        const { rows } = await pool.query({ name: `theirs_${i}`, text, values: [...values] });
        expect({ text, rows: ours[i] }).toEqual({ text, rows });
        expect({ text, rows: inside[i] }).toEqual({ text, rows });
        expect(ours[i]?.map((row) => [Object.getPrototypeOf(row), Object.keys(row)])).toEqual(
          rows.map((row: object) => [Object.getPrototypeOf(row), Object.keys(row)]),
        );
      }
    }
  });

  test('give back what was put in, as pg does', async () => {
    const { db, pool } = await open();
    const text =
      'SELECT $1::text AS a, $2::jsonb AS b, $3::bytea AS c, $4::bigint AS d, $5::text[] AS e, $6::timestamptz AS f';
    const words = fc.string({ unit: 'binary', maxLength: 50 }).map((word) => word.replaceAll('\0', ''));
    // JSON in PostgreSQL knows no NUL and no half of a surrogate pair.
    const json = fc.dictionary(
      fc.constantFrom('a', 'b'),
      fc.oneof(words, fc.integer(), fc.boolean(), fc.constant(null)),
    );
    const date = fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true });
    const all = fc.tuple(
      words,
      json,
      fc.uint8Array(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.array(words),
      date,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(all, { minLength: 1, maxLength: 6 }), async (sets) => {
        const ours = await Promise.all(sets.map((values) => db.prepared(text, values)));
        for (const [i, values] of sets.entries()) {
          expect(ours[i]).toEqual((await pool.query({ name: 'theirs', text, values })).rows);
        }
      }),
      { numRuns: 12 },
    );
  });

  test('run under the settings of the connection', async () => {
    const { db } = await open({ statementTimeoutMs: 1234 });
    const text = `SELECT current_user AS who, current_setting('search_path') AS path,
      current_setting('statement_timeout') AS longest, current_setting('application_name') AS name`;
    const [row] = await db.prepared(text);
    expect(row).toEqual((await db.query(text))[0]);
    expect(row).toMatchObject({ longest: '1234ms', name: 'nexus-public' });
  });
});

describe('notifications', () => {
  test('are sent once, with the transaction, while reads share connections', async () => {
    const { db } = await open({ size: 2 });
    const heard: (string | undefined)[] = [];
    const hear = ({ payload }: pg.Notification) => heard.push(payload);
    other.on('notification', hear);
    await other.query('LISTEN things');
    const reads = Array.from({ length: 20 }, () => db.prepared('SELECT name FROM things WHERE id = 1'));
    await db.transaction((tx) => tx.prepared("SELECT pg_notify('things', $1)", ['kept']));
    await expect(
      db.transaction(async (tx) => {
        await tx.prepared("SELECT pg_notify('things', $1)", ['lost']);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await db.prepared("SELECT pg_notify('things', $1)", ['alone']);
    await Promise.all(reads);
    await until(async () => heard.length >= 2);
    await other.query('UNLISTEN things');
    other.off('notification', hear);
    expect(heard).toEqual(['kept', 'alone']);
  });
});

describe('an error', () => {
  test('is that of one statement, whatever runs before and behind it', async () => {
    const { db, pool } = await open({ size: 1 });
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const results = await settled([
      db.prepared('SELECT $1::int AS n', ['no number']),
      db.prepared('SELECT $1::int AS n', [1]),
      db.prepared('SELECT 1 / $1::int AS n', [0]),
      db.prepared('SELECT $1::jsonb AS n', [cycle]),
      db.prepared('SELECT $1::jsonb AS n', [2]),
      db.prepared('SELECT $1::text AS n', ['\0']),
      db.prepared('SELECT 1 / $1::int AS n', [1]),
      db.prepared('SELECT 1 AS n', new Array(65_536).fill(null)),
      db.prepared('SELECT $1::text AS n', ['last']),
    ]);
    const outcome = (result: unknown) => (Array.isArray(result) ? result : (codeOf(result) ?? (result as Error).name));
    expect(results.map(outcome)).toEqual([
      '22P02',
      [{ n: 1 }],
      '22012',
      'TypeError',
      [{ n: 2 }],
      '22021',
      [{ n: 1 }],
      'RangeError',
      [{ n: 'last' }],
    ]);
    expect(pool.totalCount).toBe(1);
  });

  test('of a text that cannot be prepared leaves nothing behind', async () => {
    const { db } = await open({ size: 1 });
    const text = 'SELECT id FROM not_there_yet';
    const wrong = await settled([1, 2, 3].map(() => db.prepared(text)));
    expect(wrong.map(codeOf)).toEqual(['42P01', '42P01', '42P01']);
    await other.query('CREATE TABLE not_there_yet (id int)');
    expect(await db.prepared(text)).toEqual([]);
    await other.query('DROP TABLE not_there_yet');
  });

  test('of a writing statement keeps the connection', async () => {
    const { db } = await open({ size: 1 });
    const pid = await pidOf(db);
    await expect(db.prepared('INSERT INTO things VALUES ($1, $2)', [1, 'x'])).rejects.toMatchObject({ code: '23505' });
    expect(await db.prepared('INSERT INTO things VALUES ($1, $2) RETURNING id', [51, 'x'])).toEqual([{ id: 51 }]);
    expect(await pidOf(db)).toBe(pid);
  });

  test('for running too long hits the slow one alone', async () => {
    const { db } = await open({ size: 1, statementTimeoutMs: 300 });
    const unlock = await lockThings();
    const results = await settled([
      db.prepared('SELECT 1 AS n'),
      db.prepared('SELECT name FROM things'),
      db.prepared('SELECT 2 AS n'),
    ]);
    await unlock();
    expect(results[0]).toEqual([{ n: 1 }]);
    expect(databaseFault(results[1])).toMatchObject({ status: 504 });
    expect(results[2]).toEqual([{ n: 2 }]);
  });

  test('in a transaction on a connection that was shared is that of a transaction', async () => {
    const { db, pool } = await open({ size: 1 });
    await Promise.all([1, 2, 3].map(() => db.prepared('SELECT 1')));
    const failed = await db
      .transaction(async (tx) => {
        expect((pool as unknown as Inside)._clients).toMatchObject([{ pipeline: false }]);
        await tx.prepared("INSERT INTO things VALUES (60, 'sixty')");
        await expect(tx.prepared('SELECT $1::int', ['x'])).rejects.toMatchObject({ code: '22P02' });
        return tx.prepared('SELECT 1');
      })
      .catch((error: unknown) => error);
    expect(codeOf(failed)).toBe('25P02');
    expect(await db.prepared('SELECT id FROM things WHERE id = 60')).toEqual([]);
  });
});

describe('a change of a table', () => {
  test('under a prepared text is not noticed outside a transaction', async () => {
    const { db } = await open({ size: 1 });
    const text = 'SELECT * FROM things WHERE id = $1';
    await db.prepared(text, [1]);
    await other.query('ALTER TABLE things ADD COLUMN more int DEFAULT 3');
    const rows = await Promise.all([1, 2, 3].map((id) => db.prepared(text, [id])));
    expect(rows.flat()).toEqual([1, 2, 3].map((id) => ({ id, name: `n${id}`, more: 3 })));
  });

  test('fails a running transaction once', async () => {
    const { db } = await open({ size: 1 });
    const text = 'SELECT * FROM things WHERE id = $1';
    const ask = () => db.transaction((tx) => tx.prepared(text, [1]));
    await ask();
    await other.query('ALTER TABLE things ADD COLUMN more int DEFAULT 3');
    await expect(ask()).rejects.toMatchObject({ code: '0A000' });
    expect(await ask()).toEqual([{ id: 1, name: 'n1', more: 3 }]);
  });

  test('or the loss of all prepared texts is made good', async () => {
    const { db } = await open({ size: 1 });
    await db.prepared('SELECT id FROM things WHERE id = 1');
    await db.query('DEALLOCATE ALL');
    const rows = await Promise.all([1, 2].map(() => db.prepared('SELECT id FROM things WHERE id = 1')));
    expect(rows).toEqual([[{ id: 1 }], [{ id: 1 }]]);
  });
});

describe('a slow read', () => {
  test('holds up no other while a connection is free', async () => {
    const { db } = await open({ size: 2 });
    const unlock = await lockThings();
    let answered = false;
    const slow = db.prepared('SELECT count(*)::int AS n FROM things').finally(() => {
      answered = true;
    });
    const quick = await Promise.all(Array.from({ length: 7 }, (_, n) => db.prepared('SELECT $1::int AS n', [n])));
    expect(quick.flat()).toEqual(Array.from({ length: 7 }, (_, n) => ({ n })));
    for (let n = 0; n < 20; n++) expect(await db.prepared('SELECT $1::int AS n', [n])).toEqual([{ n }]);
    expect(await db.transaction((tx) => tx.query('SELECT 1 AS n'))).toEqual([{ n: 1 }]);
    expect(answered).toBe(false);
    await unlock();
    expect(await slow).toEqual([{ n: 50 }]);
  });

  test('is waited for where there is no other connection, and no longer than for one', async () => {
    const { db } = await open({ size: 1, acquireTimeoutMs: 300 });
    const unlock = await lockThings();
    const slow = db.prepared('SELECT count(*)::int AS n FROM things');
    const behind = await settled([db.prepared('SELECT 1'), db.prepared('SELECT 2'), db.query('SELECT 3')]);
    expect(behind.map(String)).toEqual(Array(3).fill('Error: timeout exceeded when trying to connect'));
    await unlock();
    expect(await slow).toEqual([{ n: 50 }]);
    expect(await db.prepared('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });
});

describe('a connection of their own', () => {
  test('is what transactions, composed texts and writes have', async () => {
    const { db } = await open({ size: 3 });
    const reads = () => Promise.all(Array.from({ length: 40 }, () => pidOf(db)));
    await db.transaction(async (tx) => {
      const [mine] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      for (let round = 0; round < 20; round++) {
        const [seen, inside] = await Promise.all([
          reads(),
          tx.prepared<{ pid: number }>('SELECT pg_backend_pid() AS pid'),
        ]);
        expect(inside).toEqual([mine]);
        expect(seen).not.toContain(mine?.pid);
      }
    });
    const unlock = await lockThings();
    const write = db.prepared<{ pid: number }>(
      'UPDATE things SET name = name WHERE id = 1 RETURNING pg_backend_pid() AS pid',
    );
    const composed = db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid FROM things LIMIT 1');
    const seen = new Set((await Promise.all([reads(), reads()])).flat());
    await unlock();
    for (const [row] of await Promise.all([write, composed])) expect(seen).not.toContain(row?.pid);
  });

  test('is given to who waits for it, also of another service, while reads never cease', async () => {
    const budget = new ConnectionBudget(2);
    const [{ db }, { db: second }] = [
      await open({ budget, acquireTimeoutMs: 3_000 }),
      await open({ budget, acquireTimeoutMs: 3_000, schema: 'second' }),
    ];
    let reading = true;
    let reads = 0;
    // Answered one by one: there is always something on each connection.
    const readers = Array.from({ length: 16 }, async (_, i) => {
      while (reading) {
        await db.prepared('SELECT count(*) FROM generate_series(1, $1::int)', [10_000 + 1_000 * i]);
        reads++;
      }
    });
    try {
      for (let round = 0; round < 5; round++) {
        const before = reads;
        await Promise.all([1, 2, 3].map(() => db.transaction((tx) => tx.query('SELECT 1'))));
        await db.query('SELECT 1');
        await until(async () => reads > before);
      }
      expect(await second.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
      expect(await second.prepared('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    } finally {
      reading = false;
    }
    await Promise.all(readers);
    expect(budget.used).toBeLessThanOrEqual(2);
  });

  test('is what the pool gets back every now and then, to close it when it is old', async () => {
    const { db, pool } = await open({ size: 1 });
    let reading = true;
    const readers = Array.from({ length: 8 }, async (_, i) => {
      while (reading) await db.prepared('SELECT count(*) FROM generate_series(1, $1::int)', [10_000 + 1_000 * i]);
    });
    let returned = 0;
    pool.on('release', () => {
      returned++;
    });
    try {
      await until(async () => returned >= 3);
    } finally {
      reading = false;
    }
    await Promise.all(readers);
  });

  test('is waited for as long as the pool says, by reads as well', async () => {
    const { db } = await open({ size: 1, acquireTimeoutMs: 200 });
    await db.transaction(async () => {
      const start = performance.now();
      const refused = await settled([1, 2, 3].map(() => db.prepared('SELECT 1')));
      expect(refused.map(String)).toEqual(Array(3).fill('Error: timeout exceeded when trying to connect'));
      expect(performance.now() - start).toBeGreaterThan(190);
    });
    expect(await db.prepared('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });
});

describe('a connection that fails', () => {
  test('fails what is on it, and the next statement works', async () => {
    const { db, pool, budget } = await open({ size: 2 });
    await db.prepared('SELECT 1');
    const all = Array.from({ length: 8 }, () => db.prepared('SELECT 1 AS n'));
    (pool as unknown as Inside)._clients[0]?.connection.stream.destroy();
    for (const error of await settled(all)) expect(databaseFault(error)).toMatchObject({ status: 503 });
    expect(await db.prepared('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await until(async () => (await openOnServer()) === budget.used);
    expect(budget.stats()[0]).toMatchObject({ open: budget.used, waiting: 0 });
  });

  test('in the moment it is handed over fails its taker only', async () => {
    const { db, pool } = await open({ size: 1 });
    pool.once('acquire', (client) => {
      const { connection } = client as unknown as { connection: { emit(event: string, error: Error): void } };
      const farewell = Object.assign(new Error('terminating'), { severity: 'FATAL', code: '57P01' });
      queueMicrotask(() => connection.emit('errorMessage', farewell));
    });
    const cut = await db.transaction((tx) => tx.query('SELECT 1')).catch((error: unknown) => error);
    expect(databaseFault((cut as { driverError?: Error }).driverError ?? cut)).toMatchObject({ status: 503 });
    expect(await db.prepared('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('because the server ended it leaves none without an answer', async () => {
    const { db, budget } = await open({ size: 2 });
    for (let round = 0; round < 5; round++) {
      const pid = await pidOf(db);
      const unlock = await lockThings();
      const slow = db.prepared('SELECT count(*)::int AS n FROM things');
      const behind = Array.from({ length: 12 }, (_, n) => db.prepared('SELECT $1::int AS n', [n]));
      const results = settled([slow, ...behind]);
      await other.query('SELECT pg_terminate_backend($1)', [pid]);
      await unlock();
      for (const [i, result] of (await results).entries()) {
        if (Array.isArray(result)) expect([i, result]).toEqual([i, [{ n: i === 0 ? 50 : i - 1 }]]);
        else expect(databaseFault(result)).toMatchObject({ status: 503 });
      }
      expect(await db.prepared('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    }
    await until(async () => (await openOnServer()) === budget.used);
    expect(budget.stats()[0]).toMatchObject({ open: budget.used, waiting: 0 });
  });

  describe('silently', () => {
    let server: Server;
    let url: string;
    const pairs: [Socket, Socket][] = [];

    beforeAll(async () => {
      const target = new URL(database.url);
      server = createServer((near) => {
        const far = connect(Number(target.port), target.hostname);
        near.on('error', () => far.destroy()).pipe(far);
        far.on('error', () => near.destroy()).pipe(near);
        pairs.push([near, far]);
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const through = new URL(database.url);
      through.hostname = '127.0.0.1';
      through.port = String((server.address() as AddressInfo).port);
      url = through.href;
    });
    afterAll(() => {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      server.close();
    });

    test('holds what it runs only; the rest waits for another no longer than for one', async () => {
      const { db } = await open({ size: 1, acquireTimeoutMs: 300, url });
      await db.prepared('SELECT 1 AS n');
      for (const [near] of pairs) near.unpipe();
      const held = db.prepared('SELECT 0 AS n');
      const rest = await settled([1, 2, 3].map((n) => db.prepared('SELECT $1::int AS n', [n])));
      expect(rest.map(String)).toEqual(Array(3).fill('Error: timeout exceeded when trying to connect'));
      for (const [near, far] of pairs) near.pipe(far);
      expect(await held).toEqual([{ n: 0 }]);
      expect(await db.prepared('SELECT 2 AS n')).toEqual([{ n: 2 }]);
    });

    test('that cannot be opened at all fails whoever waits for it', async () => {
      const { db } = await open({ size: 2, acquireTimeoutMs: 2_000, url });
      await db.prepared('SELECT 1');
      server.close();
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      const results = await settled([1, 2, 3].map(() => db.prepared('SELECT 1')));
      expect(results.map((error) => databaseFault(error)?.status)).toEqual([503, 503, 503]);
      const again = await settled([1, 2, 3].map(() => db.prepared('SELECT 1')));
      expect(again.map((error) => databaseFault(error)?.status)).toEqual([503, 503, 503]);
    });
  });
});

describe('a server that takes no more connections', () => {
  test('serves everybody over those there are', async () => {
    const limited = new URL(database.url);
    limited.username = 'few';
    limited.password = 'few';
    await other.query("CREATE ROLE few LOGIN PASSWORD 'few' CONNECTION LIMIT 2");
    try {
      await other.query('GRANT SELECT ON things TO few');
      const { db, pool } = await open({ size: 8, url: limited.href });
      const opening = jest.spyOn(pool as unknown as { newClient(): void }, 'newClient');
      await db.prepared('SELECT 1');
      const from = performance.now();
      for (let round = 0; round < 20; round++) {
        const rows = await Promise.all(
          Array.from({ length: 100 }, (_, i) => db.prepared('SELECT name FROM things WHERE id = $1', [(i % 50) + 1])),
        );
        expect(rows.flat()).toHaveLength(100);
      }
      // One attempt in a quarter of a second, however long it took, not one for each batch: those are 20 and more.
      expect(opening.mock.calls.length).toBeLessThan(40 + (performance.now() - from) / 250);
      await db.close();
      opened.length = 0;
    } finally {
      await other.query('DROP OWNED BY few');
      await other.query('DROP ROLE few');
    }
  });
});

describe('closing', () => {
  test('lets what runs finish and refuses what waits', async () => {
    const { db, budget } = await open({ size: 1 });
    const running = Array.from({ length: 5 }, (_, n) => db.prepared('SELECT $1::int AS n', [n]));
    await running[0];
    const last = db.prepared('SELECT 9 AS n');
    const closed = db.close();
    await expect(db.prepared('SELECT 1')).rejects.toThrow('Cannot use a pool after calling end on the pool');
    expect((await Promise.all([...running, last])).flat()).toEqual([0, 1, 2, 3, 4, 9].map((n) => ({ n })));
    await closed;
    opened.length = 0;
    expect(budget.used).toBe(0);
  });
});
