import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { projectMemberAdded, queueName } from '@nexus/contracts';
import { DatabaseRoot, migrate, type Transaction } from '@nexus/database';
import { uuidv7 } from '@nexus/kernel';
import { createTestDatabase, type TestDatabase, testContext } from '@nexus/testing';
import { z } from 'zod';
import { BUS_SCHEMA, busMigration, defineJob, type EventHandler, type JobHandler, Messaging } from './index.js';

const job = defineJob('notification', 'spec-job', z.object({ n: z.int() }), { retries: 3 });
const data = {
  project_id: uuidv7(),
  project_name: 'Apollo',
  user_id: uuidv7(),
  role: 'viewer' as const,
  added_by: uuidv7(),
};

let database: TestDatabase;
let root: DatabaseRoot;
let messaging: Messaging;
const faults: string[] = [];

async function eventually(condition: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('The condition was not met in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

beforeAll(async () => {
  database = await createTestDatabase();
  const plan = { schema: 'notification', migrations: [] };
  await migrate(database.url, [plan], ['notification'], [busMigration([job])]);
  const config = { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 6, DATABASE_STATEMENT_TIMEOUT_MS: 5_000 };
  root = await DatabaseRoot.open(config, 'development', [{ schema: 'notification' }, { schema: BUS_SCHEMA }]);
  messaging = await Messaging.open(root.get(BUS_SCHEMA), (message) => faults.push(message));
});
afterAll(async () => {
  await messaging.close(1000);
  await root.close();
  await database.drop();
});

class Recorder implements EventHandler<typeof projectMemberAdded> {
  readonly heard: string[] = [];
  failures = 0;
  async handle(tx: Transaction, event: { id: string }): Promise<void> {
    await tx.query('SELECT 1');
    if (this.failures > 0) {
      this.failures--;
      throw new Error('not this time');
    }
    this.heard.push(event.id);
  }
}

const recorder = new Recorder();
const aggregate = { type: 'project', id: data.project_id, version: 1 };

async function queued(): Promise<number> {
  const [row] = await root
    .get(BUS_SCHEMA)
    .query<{ n: string }>("SELECT count(*) AS n FROM bus.job WHERE name = $1 AND state < 'completed'", [
      queueName(projectMemberAdded, 'notification'),
    ]);
  return Number(row?.n);
}

describe('messaging', () => {
  test('an event exists exactly when its change does', async () => {
    const notification = root.get('notification');
    const lost = notification.transaction(async (tx) => {
      await messaging.publish(tx, testContext(), projectMemberAdded, { aggregate, data });
      throw new Error('rolled back');
    });
    await expect(lost).rejects.toThrow('rolled back');
    expect(await queued()).toBe(0);
    await notification.transaction((tx) =>
      messaging.publish(tx, testContext(), projectMemberAdded, { aggregate, data }),
    );
    expect(await queued()).toBe(1);
  });

  test('a payload that breaks the contract is refused before anything is written', async () => {
    const wrong = { ...data, role: 'king' } as never;
    const work = root
      .get('notification')
      .transaction((tx) => messaging.publish(tx, testContext(), projectMemberAdded, { aggregate, data: wrong }));
    await expect(work).rejects.toThrow();
  });

  test('is handled once, soon, and again after a failure', async () => {
    await messaging.subscribe('notification', projectMemberAdded, recorder, root.get('notification'));
    await eventually(() => recorder.heard.length === 1);
    recorder.failures = 1;
    await root
      .get('notification')
      .transaction((tx) => messaging.publish(tx, testContext(), projectMemberAdded, { aggregate, data }));
    await eventually(() => recorder.heard.length === 2);
    expect(faults.some((fault) => fault.includes('tried again'))).toBe(true);
    expect(new Set(recorder.heard).size).toBe(2);
  });

  test('a second delivery of the same event has no second effect', async () => {
    const [first] = await root
      .get(BUS_SCHEMA)
      .query<{ data: object }>('SELECT data FROM bus.job WHERE name = $1 LIMIT 1', [
        queueName(projectMemberAdded, 'notification'),
      ]);
    const before = recorder.heard.length;
    await root
      .get(BUS_SCHEMA)
      .query('INSERT INTO bus.job (name, data) VALUES ($1, $2)', [
        queueName(projectMemberAdded, 'notification'),
        JSON.stringify(first?.data),
      ]);
    await eventually(async () => (await queued()) === 0);
    expect(recorder.heard.length).toBe(before);
  });

  test('runs a job of its own, not before its time', async () => {
    const done: number[] = [];
    class Handler implements JobHandler<typeof job> {
      async run({ n }: { n: number }): Promise<void> {
        done.push(n);
      }
    }
    await messaging.consume(job, new Handler());
    await root.get('notification').transaction(async (tx) => {
      await messaging.enqueue(tx, job, { n: 2 }, { startAfter: new Date(Date.now() + 3_000) });
      await messaging.enqueue(tx, job, { n: 1 });
    });
    await eventually(() => done.length === 1);
    expect(done).toEqual([1]);
    await eventually(() => done.length === 2);
    expect(done).toEqual([1, 2]);
  });
});
