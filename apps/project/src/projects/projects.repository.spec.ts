import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { openTestService, type TestService, testContext, testUser } from '@nexus/testing';
import fc from 'fast-check';
import pg from 'pg';
import { projectService } from '../index.js';
import { type NewProject, newProject, type ProjectQuery, projectQuery } from './project.schemas.js';
import { ProjectsRepository } from './projects.repository.js';
import { ProjectsService } from './projects.service.js';

const SAMPLES: readonly Partial<NewProject>[] = [
  { name: 'Analytical Engine', description: 'Cogs and wheels', tags: ['brass', 'Cambridge'] },
  { name: 'Difference Engine', visibility: 'internal', tags: ['brass'] },
  { name: '100% cotton_shirt', description: "It's a \\ back-slash" },
  { name: 'zürich', tags: ['a_b', '%'] },
  { name: 'Zebra', visibility: 'internal' },
];

describe('lists of projects', () => {
  let service: TestService;
  let db: Database;
  let projects: ProjectsRepository;
  const ada = testUser();
  const bob = testUser();

  const create = (body: Partial<NewProject>, by = ada) =>
    service.get(ProjectsService).create(testContext(by), by, newProject.parse({ name: 'x', ...body }));

  beforeAll(async () => {
    service = await openTestService(projectService, { ports: [[UserDirectory, {}]] });
    db = service.platform.databases.get('project');
    projects = service.get(ProjectsRepository);
    for (const sample of SAMPLES) await create(sample);
    await create({ name: "Bob's Engine", visibility: 'internal', tags: ['brass'] }, bob);
    await db.query(`UPDATE project.projects SET archived_at = now() WHERE name = 'Zebra'`);
  });

  afterAll(() => service.close());

  const list = (query: object, by = ada) => projects.list(by.id, projectQuery.parse(query) as ProjectQuery);

  it.each([
    [{}, ['100% cotton_shirt', 'Analytical Engine', 'Difference Engine', 'Zebra', 'zürich']],
    [{ q: 'engine' }, ['Analytical Engine', 'Difference Engine']],
    [{ q: 'ENG cog' }, ['Analytical Engine']],
    [{ q: 'zurich' }, ['zürich']],
    [{ q: 'cambridge' }, ['Analytical Engine']],
    [{ q: '%' }, []],
    [{ q: '_' }, []],
    [{ q: 'cotton%' }, ['100% cotton_shirt']],
    [{ q: 'c%t' }, []],
    [{ q: 'cotton-shirt' }, ['100% cotton_shirt']],
    [{ q: "'; DROP TABLE project.projects --" }, []],
    [{ q: 'engine | zebra' }, []],
    [{ tag: 'brass' }, ['Analytical Engine', 'Difference Engine']],
    [{ tag: 'bras' }, []],
    [{ tag: '%' }, ['zürich']],
    [{ tag: 'aXb' }, []],
    [{ visibility: 'internal' }, ['Difference Engine', 'Zebra']],
    [{ visibility: 'internal', status: 'active' }, ['Difference Engine']],
    [{ status: 'archived' }, ['Zebra']],
    [{ status: 'trashed' }, []],
    [{ q: 'engine', tag: 'brass', visibility: 'private', status: 'active' }, ['Analytical Engine']],
  ])('hold of mine what %j asks for', async (query, names) => {
    const page = await list(query);
    expect(page.items.map((row) => row.name).sort()).toEqual(names);
    expect(page.total).toBe(names.length);
  });

  it.each([
    ['created_at', ['Analytical Engine', 'Difference Engine', '100% cotton_shirt', 'zürich', 'Zebra']],
    ['name', ['100% cotton_shirt', 'Analytical Engine', 'Difference Engine', 'Zebra', 'zürich']],
    ['-name', ['zürich', 'Zebra', 'Difference Engine', 'Analytical Engine', '100% cotton_shirt']],
  ])('are sorted by %s', async (sort, names) => {
    expect((await list({ sort })).items.map((row) => row.name)).toEqual(names);
  });

  it('keep their pages while others create and change projects', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('created_at', '-created_at', 'name', '-name'),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom('aa', 'b', 'B', 'm', 'zz'), { minLength: 1, maxLength: 9 }),
        fc.array(fc.constantFrom('a', 'ab', 'm', 'z'), { maxLength: 9 }),
        async (sort, limit, names, meanwhile) => {
          const owner = testUser();
          const lasting: string[] = [];
          for (const name of names) lasting.push((await create({ name }, owner)).id);
          const todo = [...meanwhile];
          const seen: string[] = [];
          let cursor: string | null = null;
          let there = names.length;
          do {
            const page = await list({ sort, limit: String(limit), ...(cursor ? { cursor } : {}) }, owner);
            expect(page.total).toBe(there);
            seen.push(...page.items.map((row) => row.id));
            cursor = page.nextCursor;
            const name = todo.pop();
            if (cursor && name) {
              const work = [create({ name }, owner), create({ name }, bob), projects.find(seen[0] as string, owner.id)];
              await Promise.all(work);
              there += 1;
            }
          } while (cursor);
          expect(new Set(seen).size).toBe(seen.length);
          expect(lasting.filter((id) => !seen.includes(id))).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('and single projects are read in one statement each, which find their way through the indexes', async () => {
    const client = new pg.Client(service.platform.url);
    await client.connect();
    try {
      await client.query(`
        INSERT INTO project.projects (id, name, visibility, tags, metadata, owner_id, search)
        SELECT gen_random_uuid(), 'Bulk ' || n, 'private', '{}', '{}', gen_random_uuid(), '' FROM generate_series(1, 20000) n`);
      await client.query(`
        INSERT INTO project.members (project_id, user_id, role, added_by)
        SELECT id, owner_id, 'owner', owner_id FROM project.projects WHERE name LIKE 'Bulk %'`);
      await client.query('VACUUM ANALYZE project.projects, project.members');
      const statements: { text: string; values: readonly unknown[] }[] = [];
      const recorder = {
        ...db,
        prepared: async (text: string, values: readonly unknown[] = []) => {
          statements.push({ text, values });
          return [];
        },
      };
      const recorded = new ProjectsRepository(recorder as unknown as Database);
      await recorded.find(ada.id, bob.id);
      await recorded.list(ada.id, projectQuery.parse({}) as ProjectQuery);
      expect(statements).toHaveLength(2);
      for (const { text, values } of statements) {
        const plan = JSON.stringify((await client.query(`EXPLAIN (FORMAT JSON) ${text}`, [...values])).rows);
        expect(plan).not.toContain('Seq Scan');
      }
    } finally {
      await client.end();
    }
  });
});
