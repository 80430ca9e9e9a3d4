import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AppError, encodeCursor, uuidv7 } from '@nexus/kernel';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import fc from 'fast-check';
import { Database, DatabaseRoot, prefixQuery, searchWords } from './index.js';
import { Conditions, type KeysetList, keysetPage } from './keyset-list.js';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly at: Date;
  readonly kind: string;
}

const LIST: KeysetList<'at' | '-at' | 'name' | '-name'> = {
  select: 'r.id, r.name, r.at, r.kind',
  from: 'list.rows r',
  id: 'r.id',
  orders: {
    at: { sql: 'r.at', type: 'timestamptz' },
    '-at': { sql: 'r.at', type: 'timestamptz', descending: true },
    name: { sql: 'lower(r.name) COLLATE "C"', type: 'text' },
    '-name': { sql: 'lower(r.name) COLLATE "C"', type: 'text', descending: true },
  },
};
const SORTS = ['at', '-at', 'name', '-name'] as const;
const START = Date.parse('2026-01-01T00:00:00.000Z');

describe('keyset lists', () => {
  let database: TestDatabase;
  let root: DatabaseRoot;
  let db: Database;

  beforeAll(async () => {
    database = await createTestDatabase();
    const config = { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 4, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 };
    root = await DatabaseRoot.open(config, 'development', [{ schema: 'list' }]);
    db = root.get('list');
    await db.query('CREATE SCHEMA list');
    await db.query(`CREATE TABLE list.rows (id uuid PRIMARY KEY, name text NOT NULL, at timestamptz(3) NOT NULL,
      kind text NOT NULL, search tsvector NOT NULL)`);
  });

  beforeEach(() => db.query('TRUNCATE list.rows'));

  afterAll(async () => {
    await root.close();
    await database.drop();
  });

  async function add(name: string, ms: number, kind = 'a'): Promise<string> {
    const id = uuidv7();
    const values = [id, name, new Date(START + ms), kind, searchWords(name)];
    await db.query('INSERT INTO list.rows VALUES ($1, $2, $3, $4, array_to_tsvector($5::text[]))', values);
    return id;
  }

  const kindIs = (kind: string) => new Conditions().add((value) => `r.kind = ${value}`, kind);

  /** Every page, with what happens between two of them. */
  async function walk(
    sort: (typeof SORTS)[number],
    limit: number,
    between: () => Promise<void> = async () => undefined,
  ) {
    const seen: Row[] = [];
    let cursor: string | undefined;
    do {
      const page = await keysetPage<Row>(db, LIST, kindIs('a'), { sort, limit, cursor });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      seen.push(...page.items);
      cursor = page.nextCursor ?? undefined;
      if (cursor) await between();
    } while (cursor);
    return seen;
  }

  it('give no rows and a total of nothing where nothing is', async () => {
    await add('other', 0, 'b');
    const page = await keysetPage(db, LIST, kindIs('a'), { sort: 'at', limit: 5 });
    expect(page).toEqual({ items: [], limit: 5, nextCursor: null, total: 0 });
  });

  it('tell the exact total on every page, the last one and those beyond the end included', async () => {
    for (let i = 0; i < 5; i++) await add(`n${i}`, i);
    const first = await keysetPage<Row>(db, LIST, kindIs('a'), { sort: '-at', limit: 3 });
    const second = await keysetPage<Row>(db, LIST, kindIs('a'), { sort: '-at', limit: 3, cursor: first.nextCursor! });
    expect([first.total, second.total, second.nextCursor]).toEqual([5, 5, null]);
    await db.query('DELETE FROM list.rows WHERE id = ANY($1)', [second.items.map((row) => row.id)]);
    const beyond = await keysetPage<Row>(db, LIST, kindIs('a'), { sort: '-at', limit: 3, cursor: first.nextCursor! });
    expect(beyond).toMatchObject({ items: [], total: 3, nextCursor: null });
  });

  it('show every row that was there all the time exactly once and in order, whatever others add and remove', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SORTS),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.integer({ min: 0, max: 4 })), { maxLength: 14 }),
        fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.integer({ min: 0, max: 4 }), fc.nat()), { maxLength: 14 }),
        async (sort, limit, rows, meanwhile) => {
          await db.query('TRUNCATE list.rows');
          const lasting: string[] = [];
          const passing: string[] = [];
          for (const [i, [name, ms]] of rows.entries()) {
            const id = await add(name.replaceAll('\0', ''), ms);
            (i % 3 === 2 ? passing : lasting).push(id);
          }
          const todo = [...meanwhile];
          const seen = await walk(sort, limit, async () => {
            const [name, ms, which] = todo.pop() ?? [];
            if (name !== undefined) await add(name.replaceAll('\0', ''), ms as number);
            const gone = passing[(which ?? 0) % Math.max(1, passing.length)];
            if (gone) await db.query('DELETE FROM list.rows WHERE id = $1', [gone]);
          });
          const ids = seen.map((row) => row.id);
          expect(new Set(ids).size).toBe(ids.length);
          expect(lasting.filter((id) => !ids.includes(id))).toEqual([]);
          const key = (row: Row) => (sort.endsWith('at') ? row.at.toISOString() : row.name.toLowerCase());
          const sign = sort.startsWith('-') ? -1 : 1;
          for (let i = 1; i < seen.length; i++) {
            const [a, b] = [seen[i - 1]!, seen[i]!];
            const order = Buffer.compare(Buffer.from(key(a)), Buffer.from(key(b))) || (a.id < b.id ? -1 : 1);
            expect(order * sign).toBe(-1);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each([
    ['of another sort', 'name', 'a'],
    ['of another filter', 'at', 'b'],
  ] as const)('refuse a cursor %s', async (_, sort, kind) => {
    for (let i = 0; i < 3; i++) await add(`n${i}`, i);
    const { nextCursor } = await keysetPage(db, LIST, kindIs('a'), { sort: 'at', limit: 1 });
    const again = keysetPage(db, LIST, kindIs(kind), { sort, limit: 1, cursor: nextCursor! });
    await expect(again).rejects.toMatchObject({ code: 'invalid_cursor', status: 400 } satisfies Partial<AppError>);
  });

  it('refuse a forged cursor before the database sees it', async () => {
    for (let i = 0; i < 2; i++) await add(`n${i}`, i);
    for (const sort of ['at', 'name'] as const) {
      const { nextCursor } = await keysetPage(db, LIST, kindIs('a'), { sort, limit: 1 });
      const [, scope] = JSON.parse(Buffer.from(nextCursor!, 'base64url').toString()) as string[];
      const id = uuidv7();
      const forged = [
        { key: 'x\0', id },
        { key: '\ud800', id },
        { key: '2026-01-01T00:00:00.000Z', id: "' OR true --" },
        ...(sort === 'at'
          ? [
              '',
              'now',
              'infinity',
              '2026-02-30T00:00:00.000Z',
              '0000-01-01T00:00:00.000Z',
              '+275760-09-13T00:00:00.000Z',
            ]
          : []
        ).map((key) => ({ key, id })),
      ];
      for (const position of forged) {
        const cursor = encodeCursor(scope as string, position);
        const page = keysetPage(db, LIST, kindIs('a'), { sort, limit: 1, cursor });
        await expect(page).rejects.toMatchObject({ code: 'invalid_cursor' });
      }
    }
  });

  it('find by words as the model says: each word of the query begins a word of the text', async () => {
    const word = fc.constantFrom('ann', 'anna', 'an%', 'a_n', "o'n", 'ÄNN', 'x*', '東京', 'b\\n', '100%');
    const text = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join(' '));
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { maxLength: 6 }),
        fc.oneof(text, fc.constantFrom('%', '_', 'a%', 'a_na', 'a', "'", "' OR 1=1", 'an:*', '!ann', 'a|b', '東')),
        async (names, q) => {
          await db.query('TRUNCATE list.rows');
          for (const name of names) await add(name, 0);
          const query = prefixQuery(q);
          const where = new Conditions();
          if (query === undefined) where.and('false');
          else where.add((value) => `r.search @@ ${value}::tsquery`, query);
          const page = await keysetPage<Row>(db, LIST, where, { sort: 'name', limit: 100 });
          const wanted = searchWords(q);
          const model = names.filter(
            (name) => wanted.length > 0 && wanted.every((w) => searchWords(name).some((own) => own.startsWith(w))),
          );
          expect(page.total).toBe(model.length);
          expect(page.items.map((row) => row.name).sort()).toEqual(model.sort());
        },
      ),
      { numRuns: 60 },
    );
  });
});
