import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import pg from 'pg';
import { preparedText } from './prepared-text.js';
import { type LendingPool, SharedConnections } from './shared-connections.js';

type Given = Parameters<LendingPool['connect']>[0];

/** A pool that opens its first connection only when told to, or says that the server refuses it. */
class Reluctant implements LendingPool {
  readonly ending = false;
  private held: Given | undefined;
  private isHolding = true;

  constructor(private readonly pool: pg.Pool) {}

  get waitingCount(): number {
    return this.pool.waitingCount + (this.held ? 1 : 0);
  }

  get idleCount(): number {
    return this.pool.idleCount;
  }

  _isFull(): boolean {
    return false;
  }

  connect(given: Given): void {
    if (this.isHolding) this.held = given;
    else this.pool.connect(given);
    this.isHolding = false;
  }

  refuse(): void {
    const given = this.held;
    this.held = undefined;
    given?.(new Error('sorry, too many clients already'), undefined);
  }
}

let database: TestDatabase;
let pool: pg.Pool;
let reluctant: Reluctant;
let shared: SharedConnections;

const read = (n: number) => shared.run(preparedText('SELECT $1::int AS n'), [n]);

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(() => {
  pool = new pg.Pool({ connectionString: database.url });
  reluctant = new Reluctant(pool);
  shared = new SharedConnections(reluctant, 10_000);
});
afterEach(async () => {
  shared.close();
  await pool.end();
});
afterAll(() => database.drop());

test('A connection that is given back while another is refused serves those who waited for that one', async () => {
  const waiting = [read(1), read(2), read(3)];
  const lent = await pool.connect();
  lent.release();
  expect(pool.idleCount).toBe(1);
  reluctant.refuse();
  expect((await Promise.all(waiting)).flat()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(pool.totalCount).toBe(1);
});

test('A refused connection fails those who waited for it where there is no other, and nobody after them', async () => {
  const waiting = Promise.allSettled([read(1), read(2)]);
  reluctant.refuse();
  expect((await waiting).map((end) => end.status === 'rejected' && String(end.reason))).toEqual([
    'Error: sorry, too many clients already',
    'Error: sorry, too many clients already',
  ]);
  expect(await read(3)).toEqual([{ n: 3 }]);
});
