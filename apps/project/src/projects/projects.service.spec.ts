import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { parseIfMatch } from '@nexus/http';
import type { UserActor } from '@nexus/kernel';
import { openTestService, type TestService, testContext, testUser } from '@nexus/testing';
import { projectService } from '../index.js';
import { type NewProject, newProject, type Project, type ProjectPatch, projectSchema } from './project.schemas.js';
import { type ProjectStep, ProjectsService } from './projects.service.js';

const WRITERS = 20;

describe('projects', () => {
  let service: TestService;
  let projects: ProjectsService;
  let db: Database;
  let ada: UserActor;

  beforeAll(async () => {
    service = await openTestService(projectService, { ports: [[UserDirectory, {}]] });
    projects = service.get(ProjectsService);
    db = service.platform.databases.get('project');
  });

  beforeEach(() => {
    ada = testUser();
    service.invalidated.length = 0;
  });

  afterAll(() => service.close());

  const create = (body: Partial<NewProject> = {}, by = ada): Promise<Project> =>
    projects.create(testContext(by), by, newProject.parse({ name: 'Engine', ...body }));
  const update = (id: string, patch: ProjectPatch, etag?: string, by = ada) =>
    projects.update(testContext(by), by, id, patch, parseIfMatch(etag));
  const move = (id: string, step: ProjectStep, etag?: string, by = ada) =>
    projects.move(testContext(by), by, id, step, parseIfMatch(etag));
  const audit = (id: string) =>
    db.query('SELECT action, actor_id, details FROM audit.records WHERE target_id = $1 ORDER BY id', [id]);
  const join = (id: string, role: string) => {
    const user = testUser();
    return db
      .query('INSERT INTO project.members (project_id, user_id, role, added_by) VALUES ($1, $2, $3, $2)', [
        id,
        user.id,
        role,
      ])
      .then(() => user);
  };
  const ageInTrash = (id: string, days: number) =>
    db.query(`UPDATE project.projects SET trashed_at = now() - make_interval(days => $2) WHERE id = $1`, [id, days]);

  it('are the same when they are created, read and listed', async () => {
    const metadata = { zeta: 1, alpha: { camelCase: [1.5, null, 'ü'] }, '10': true, big: 1e300 };
    const made = await create({
      description: 'Two\nlines',
      tags: ['b', 'a,"\\{}', 'NULL'],
      visibility: 'internal',
      metadata,
    });
    expect(projectSchema.strict().parse(made)).toEqual(made);
    expect(made).toMatchObject({
      owner_id: ada.id,
      role: 'owner',
      version: 1,
      status: 'active',
      created_at: made.updated_at,
    });
    expect(JSON.stringify(await projects.read(ada, made.id))).toBe(JSON.stringify(made));
    const { items, total } = await projects.list(ada, { limit: 20, sort: 'name' });
    expect(total).toBe(1);
    expect(JSON.stringify(items)).toBe(JSON.stringify([made]));
    expect(await audit(made.id)).toEqual([
      { action: 'project.created', actor_id: ada.id, details: { visibility: 'internal' } },
    ]);
  });

  it('are created whole or not at all', async () => {
    const work = db.transaction(async () => {
      await create();
      throw new Error('undone');
    });
    await expect(work).rejects.toThrow('undone');
    const failing = testContext(ada, { requestId: 'no uuid' });
    await expect(projects.create(failing, ada, newProject.parse({ name: 'Engine' }))).rejects.toThrow();
    const mine = await projects.list(ada, { limit: 20, sort: 'name' });
    expect(mine.items).toHaveLength(1);
  });

  it('change field by field, with a record and without stale answers', async () => {
    const made = await create({ tags: ['a'], metadata: { a: 1 } });
    const changed = await update(made.id, { name: 'Difference Engine', metadata: { b: { c: 2 } } }, '"1-x"');
    expect(changed).toEqual({
      ...made,
      name: 'Difference Engine',
      metadata: { b: { c: 2 } },
      version: 2,
      updated_at: changed.updated_at,
    });
    expect(await projects.read(ada, made.id)).toEqual(changed);
    expect(service.invalidated).toEqual([`project:${made.id}`]);
    expect((await audit(made.id))[1]).toMatchObject({
      action: 'project.updated',
      details: { fields: 'name metadata', version: 2 },
    });
  });

  it('stay as they are when nothing is new', async () => {
    const made = await create({ tags: ['a'], metadata: { a: 1 } });
    expect(await update(made.id, {})).toEqual(made);
    expect(await update(made.id, { name: made.name, tags: ['a'], metadata: { a: 1 }, description: null })).toEqual(
      made,
    );
    expect(service.invalidated).toEqual([]);
  });

  it('take exactly one of many writers who have seen the same version', async () => {
    const { id } = await create();
    for (let version = 1; version <= 3; version++) {
      const attempts = Array.from({ length: WRITERS }, (_, i) =>
        update(id, { name: `v${version} ${i}` }, `"${version}-x"`),
      );
      const results = await Promise.allSettled(attempts);
      const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(won).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ status: 412, code: 'stale_version' });
      }
      expect(await projects.read(ada, id)).toEqual(won[0]);
      expect(won[0]?.version).toBe(version + 1);
    }
  });

  it('lose no update of writers who ask for no version', async () => {
    const { id } = await create();
    await Promise.all(Array.from({ length: WRITERS }, (_, i) => update(id, { name: `Writer ${i}` })));
    expect((await projects.read(ada, id)).version).toBe(WRITERS + 1);
    expect(await audit(id)).toHaveLength(WRITERS + 1);
  });

  it('go to the trash and come back', async () => {
    const made = await create({ visibility: 'internal' });
    const [viewer, editor, owner] = [
      await join(made.id, 'viewer'),
      await join(made.id, 'editor'),
      await join(made.id, 'owner'),
    ];
    await expect(move(made.id, 'trash', undefined, editor)).rejects.toMatchObject({ code: 'project_role_too_low' });
    await expect(move(made.id, 'trash', '"2-x"')).rejects.toMatchObject({ code: 'stale_version' });
    const trashed = await move(made.id, 'trash', '"1-x"');
    expect(trashed).toMatchObject({ status: 'trashed', version: 2, trashed_at: expect.any(String) });
    expect(await move(made.id, 'trash')).toEqual(trashed);

    for (const other of [viewer, editor, testUser()]) {
      await expect(projects.read(other, made.id)).rejects.toMatchObject({ code: 'project_not_found' });
      await expect(update(made.id, {}, undefined, other)).rejects.toMatchObject({ code: 'project_not_found' });
      expect((await projects.list(other, { limit: 20, sort: 'name', status: 'trashed' })).total).toBe(0);
      expect((await projects.list(other, { limit: 20, sort: 'name' })).total).toBe(0);
    }
    expect(await projects.read(owner, made.id)).toEqual(trashed);
    expect((await projects.list(ada, { limit: 20, sort: 'name' })).total).toBe(0);
    expect((await projects.list(owner, { limit: 20, sort: 'name', status: 'trashed' })).items).toEqual([trashed]);
    await expect(update(made.id, { name: 'x' })).rejects.toMatchObject({ status: 409, code: 'project_trashed' });
    await expect(move(made.id, 'archive')).rejects.toMatchObject({ code: 'project_trashed' });

    const back = await move(made.id, 'restore');
    expect(back).toEqual({ ...made, version: 3, updated_at: back.updated_at });
    expect(await move(made.id, 'restore')).toEqual(back);
    expect(await projects.read(viewer, made.id)).toMatchObject({ role: 'viewer', status: 'active' });
    const actions = (await audit(made.id)).map((record) => record.action);
    expect(actions).toEqual(['project.created', 'project.trashed', 'project.restored']);
    expect(service.invalidated).toEqual([`project:${made.id}`, `project:${made.id}`]);
  });

  it('are gone after 30 days in the trash, also before they are swept', async () => {
    const { id } = await create();
    await move(id, 'trash');
    await ageInTrash(id, 29);
    expect((await projects.list(ada, { limit: 20, sort: 'name', status: 'trashed' })).total).toBe(1);
    await ageInTrash(id, 30);
    expect((await projects.list(ada, { limit: 20, sort: 'name', status: 'trashed' })).total).toBe(0);
    await expect(projects.read(ada, id)).rejects.toMatchObject({ code: 'project_not_found' });
    await expect(move(id, 'restore')).rejects.toMatchObject({ code: 'project_not_found' });
  });

  it('can be read but not changed while they are archived, also after a stay in the trash', async () => {
    const made = await create();
    const archived = await move(made.id, 'archive');
    expect(archived).toMatchObject({ status: 'archived', role: 'owner', version: 2, archived_at: expect.any(String) });
    expect(await move(made.id, 'archive')).toEqual(archived);
    await expect(update(made.id, { name: 'x' })).rejects.toMatchObject({ status: 409, code: 'project_archived' });
    await move(made.id, 'trash');
    expect(await move(made.id, 'restore')).toMatchObject({ status: 'archived', archived_at: archived.archived_at });
    const list = (status?: 'active' | 'archived') =>
      projects.list(ada, { limit: 20, sort: 'name', ...(status ? { status } : {}) });
    expect([(await list()).total, (await list('active')).total, (await list('archived')).total]).toEqual([1, 0, 1]);
    expect(await move(made.id, 'unarchive')).toMatchObject({ status: 'active', archived_at: null });
    await update(made.id, { name: 'x' });
  });

  it('are not there for strangers, whatever they try', async () => {
    const { id } = await create();
    const eve = testUser({ role: 'admin' });
    const attempts = [
      () => projects.read(eve, id),
      () => update(id, { name: 'x' }, undefined, eve),
      ...(['archive', 'unarchive', 'trash', 'restore'] as const).map((step) => () => move(id, step, undefined, eve)),
      () => projects.read(ada, testUser().id),
    ];
    for (const attempt of attempts) {
      await expect(attempt()).rejects.toMatchObject({ status: 404, code: 'project_not_found' });
    }
  });
});
