import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { auditPlan } from '@nexus/audit';
import { DatabaseRoot, migrate, revertLast } from '@nexus/database';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import { userService } from '../index.js';

const plan = { schema: 'user', migrations: userService.database?.migrations ?? [] };

describe('schema of the user service', () => {
  let database: TestDatabase;
  let root: DatabaseRoot;

  beforeEach(async () => {
    database = await createTestDatabase();
    const config = { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 2, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 };
    root = await DatabaseRoot.open(config, 'development', [
      { schema: 'user', entities: userService.database?.entities },
    ]);
  });

  afterEach(async () => {
    await root.close();
    await database.drop();
  });

  const tables = async () =>
    (
      await root
        .get('user')
        .query<{ name: string }>(`SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'user'`)
    ).map(({ name }) => name);

  it('goes up, down and up again', async () => {
    expect(await migrate(database.url, [plan], ['user'])).toContain('user.Profiles1763856000100');
    expect(await tables()).toEqual(expect.arrayContaining(['profiles', 'preferences']));
    await revertLast(database.url, plan);
    expect(await tables()).not.toEqual(expect.arrayContaining(['profiles']));
    expect(await migrate(database.url, [plan], ['user'])).toEqual(['user.Profiles1763856000100']);
  });

  it('is made once when two start at the same time', async () => {
    const runs = [1, 2].map(() => migrate(database.url, [auditPlan, plan], ['user']));
    const applied = (await Promise.all(runs)).flat().filter((name) => name.startsWith('user.Profiles'));
    expect(applied).toHaveLength(1);
  });

  it('agrees with the entities', async () => {
    await migrate(database.url, [plan], ['user']);
    const changes = await root.get('user').dataSource.driver.createSchemaBuilder().log();
    const aboutOurs = changes.upQueries.filter(
      ({ query }) => query.includes('preferences') && !query.includes('CONSTRAINT'),
    );
    expect(aboutOurs.map(({ query }) => query)).toEqual([]);
  });
});
