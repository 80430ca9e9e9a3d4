import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { auditPlan } from '@nexus/audit';
import { DatabaseRoot, migrate, revertLast } from '@nexus/database';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import { notificationService } from '../index.js';

const plan = { schema: 'notification', migrations: notificationService.database?.migrations ?? [] };
const TABLES = ['captured_mails', 'deliveries', 'inboxes', 'notifications'];

describe('schema of the notification service', () => {
  let database: TestDatabase;
  let root: DatabaseRoot;

  beforeEach(async () => {
    database = await createTestDatabase();
    const config = { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 2, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 };
    const entities = notificationService.database?.entities;
    root = await DatabaseRoot.open(config, 'development', [{ schema: 'notification', entities }]);
  });

  afterEach(async () => {
    await root.close();
    await database.drop();
  });

  const tables = async () => {
    const rows = await root
      .get('notification')
      .query<{ name: string }>(
        `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'notification' AND table_name = ANY($1) ORDER BY 1`,
        [TABLES],
      );
    return rows.map(({ name }) => name);
  };

  it('goes up, down and up again', async () => {
    expect(await migrate(database.url, [plan], ['notification'])).toContain('notification.Notifications1763856000500');
    expect(await tables()).toEqual(TABLES);
    await revertLast(database.url, plan);
    expect(await tables()).toEqual([]);
    expect(await migrate(database.url, [plan], ['notification'])).toEqual(['notification.Notifications1763856000500']);
    expect(await tables()).toEqual(TABLES);
  });

  it('is made once when two start at the same time', async () => {
    const runs = [1, 2].map(() => migrate(database.url, [auditPlan, plan], ['notification']));
    const applied = (await Promise.all(runs)).flat().filter((name) => name.startsWith('notification.Notifications'));
    expect(applied).toHaveLength(1);
  });

  it('agrees with the entities, column by column', async () => {
    await migrate(database.url, [plan], ['notification']);
    const db = root.get('notification');
    for (const { tableName, columns } of db.dataSource.entityMetadatas) {
      const rows = await db.query<{ name: string; type: string; nullable: boolean }>(
        `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable
         FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped`,
        [`notification.${tableName}`],
      );
      const declared = columns.map((column) => ({
        name: column.databaseName,
        type:
          { timestamptz: 'timestamp(3) with time zone', int: 'integer' }[String(column.type)] ?? String(column.type),
        nullable: column.isNullable,
      }));
      const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
      expect([tableName, ...declared.toSorted(byName)]).toEqual([tableName, ...rows.toSorted(byName)]);
    }
  });
});
