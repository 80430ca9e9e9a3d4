import { auditPlan } from '@nexus/audit';
import { DatabaseRoot, migrate, revertLast } from '@nexus/database';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import { fileService } from '../index.js';

const plan = { schema: 'file', migrations: fileService.database?.migrations ?? [] };

describe('the schema of the file service', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createTestDatabase();
    await migrate(database.url, [auditPlan, plan], ['file']);
  }, 30_000);
  afterEach(() => database.drop());

  it('is what the mapped entity says', async () => {
    const root = await DatabaseRoot.open(
      { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 2, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 },
      'development',
      [{ schema: 'file', entities: fileService.database?.entities }],
    );
    try {
      const { upQueries } = await root.get('file').dataSource.driver.createSchemaBuilder().log();
      // Names of constraints and indices are chosen by hand; columns must be the same.
      const columns = upQueries
        .map(({ query }) => query)
        .filter((query) => /(ADD|DROP|ALTER|RENAME) (COLUMN|")/i.test(query));
      expect(columns.filter((query) => !/ADD CONSTRAINT|DROP CONSTRAINT/.test(query))).toEqual([]);
      const mapped = root
        .get('file')
        .dataSource.getMetadata('FileEntity')
        .columns.map((column) => column.databaseName);
      const real = await root
        .get('file')
        .query<{ column_name: string }>(
          "SELECT column_name FROM information_schema.columns WHERE table_schema = 'file' AND table_name = 'files'",
        );
      expect(mapped.sort()).toEqual(real.map((row) => row.column_name).sort());
    } finally {
      await root.close();
    }
  });

  it('can be taken back and made again', async () => {
    await revertLast(database.url, plan);
    expect(await migrate(database.url, [plan], ['file'])).toEqual(['file.Files1763856000040']);
  });

  it('refuses rows that make no sense', async () => {
    const root = await DatabaseRoot.open(
      { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 2, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 },
      'development',
      [{ schema: 'file' }],
    );
    try {
      const columns = ['name', 'size', 'sha256', 'status', 'trashed_at'];
      const valid =
        "SELECT 'a' AS name, 1 AS size, repeat('a', 64) AS sha256, 'active' AS status, NULL::timestamptz AS trashed_at";
      const insert = (made: string) =>
        root.get('file').query(`
          INSERT INTO file.files (id, owner_id, search, content_type, object_key, ${columns.join(', ')})
          SELECT gen_random_uuid(), gen_random_uuid(), '', 'a/b', gen_random_uuid(), ${columns.join(', ')} FROM (${made}) made`);
      await insert(valid);
      for (const [column, value] of [
        ['name', "''"],
        ['size', '-1'],
        ['sha256', "'x'"],
        ['status', "'gone'"],
        ['trashed_at', 'now()'],
      ]) {
        const changed = columns.map((name) => (name === column ? `${value} AS ${name}` : name));
        await expect(insert(`SELECT ${changed.join(', ')} FROM (${valid}) valid`)).rejects.toMatchObject({
          code: '23514',
        });
      }
      await expect(
        root.get('file').query(`INSERT INTO file.usage VALUES (gen_random_uuid(), -1, 0)`),
      ).rejects.toMatchObject({ code: '23514' });
    } finally {
      await root.close();
    }
  });
});
