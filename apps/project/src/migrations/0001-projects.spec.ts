import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { auditPlan } from '@nexus/audit';
import { DatabaseRoot, migrate, revertLast } from '@nexus/database';
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import { projectService } from '../index.js';

const plan = { schema: 'project', migrations: projectService.database?.migrations ?? [] };

describe('schema of the project service', () => {
  let database: TestDatabase;
  let root: DatabaseRoot;

  beforeEach(async () => {
    database = await createTestDatabase();
    const config = { DATABASE_URL: database.url, DATABASE_POOL_SIZE: 2, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 };
    const entities = projectService.database?.entities;
    root = await DatabaseRoot.open(config, 'development', [{ schema: 'project', entities }]);
  });

  afterEach(async () => {
    await root.close();
    await database.drop();
  });

  const tables = async () => {
    const sql = `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'project'`;
    return (await root.get('project').query<{ name: string }>(sql)).map(({ name }) => name);
  };

  it('goes up, down and up again', async () => {
    expect(await migrate(database.url, [plan], ['project'])).toContain('project.Projects1763856000200');
    expect(await tables()).toEqual(expect.arrayContaining(['projects', 'members']));
    await revertLast(database.url, plan);
    expect(await tables()).not.toEqual(expect.arrayContaining(['projects']));
    expect(await migrate(database.url, [plan], ['project'])).toEqual(['project.Projects1763856000200']);
  });

  it('is made once when two start at the same time', async () => {
    const runs = [1, 2].map(() => migrate(database.url, [auditPlan, plan], ['project']));
    const applied = (await Promise.all(runs)).flat().filter((name) => name.startsWith('project.Projects'));
    expect(applied).toHaveLength(1);
  });

  it('agrees with the entities', async () => {
    await migrate(database.url, [plan], ['project']);
    const changes = await root.get('project').dataSource.driver.createSchemaBuilder().log();
    const aboutOurs = changes.upQueries.filter(
      ({ query }) => query.includes('members') && !query.includes('CONSTRAINT'),
    );
    expect(aboutOurs.map(({ query }) => query)).toEqual([]);
  });
});
