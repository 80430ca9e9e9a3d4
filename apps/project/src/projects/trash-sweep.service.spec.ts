import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AuditTrail } from '@nexus/audit';
import { UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { LOGGER } from '@nexus/observability';
import { openTestService, type TestService, testContext, testUser } from '@nexus/testing';
import { projectService } from '../index.js';
import { newProject } from './project.schemas.js';
import { ProjectsRepository } from './projects.repository.js';
import { ProjectsService } from './projects.service.js';
import { TrashSweepService } from './trash-sweep.service.js';

describe('sweep of the trash', () => {
  let service: TestService;
  let db: Database;
  const ada = testUser();

  beforeAll(async () => {
    service = await openTestService(projectService, {
      ports: [[UserDirectory, {}]],
      env: { PROJECT_TRASH_SWEEP_SECONDS: '1' },
    });
    db = service.platform.databases.get('project');
  });

  afterAll(() => service.close());

  async function make(daysInTrash: number | null): Promise<string> {
    const { id } = await service
      .get(ProjectsService)
      .create(testContext(ada), ada, newProject.parse({ name: 'Engine' }));
    if (daysInTrash !== null) {
      const trash = 'UPDATE project.projects SET trashed_at = now() - make_interval(days => $2) WHERE id = $1';
      await db.query(trash, [id, daysInTrash]);
    }
    return id;
  }

  const left = async (ids: readonly string[]) =>
    (await db.query<{ id: string }>('SELECT id FROM project.projects WHERE id = ANY($1) ORDER BY id', [ids])).map(
      (row) => row.id,
    );
  const purged = async (ids: readonly string[]) =>
    db.query(
      `SELECT target_id, actor_kind, actor_id FROM audit.records WHERE action = 'project.purged' AND target_id = ANY($1)
       ORDER BY target_id`,
      [ids],
    );

  it('removes what has been there for 30 days, with its members and a record, and nothing else', async () => {
    const [active, fresh, old, older] = [await make(null), await make(29), await make(30), await make(90)];
    service.invalidated.length = 0;
    expect(await service.get(TrashSweepService).sweep()).toBe(2);
    expect(await left([active, fresh, old, older])).toEqual([active, fresh]);
    const members = await db.query('SELECT 1 FROM project.members WHERE project_id = ANY($1)', [[old, older]]);
    expect(members).toEqual([]);
    expect(await purged([active, fresh, old, older])).toEqual(
      [old, older].map((id) => ({ target_id: id, actor_kind: 'service', actor_id: 'service:project' })),
    );
    expect(service.invalidated.sort()).toEqual([`project:${old}`, `project:${older}`]);
    expect(await service.get(TrashSweepService).sweep()).toBe(0);
  });

  it('works through more than one batch, and with others at once removes each project once', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 230; i++) ids.push(await make(31));
    const counts = await Promise.all(Array.from({ length: 3 }, () => service.get(TrashSweepService).sweep()));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(ids.length);
    expect(await purged(ids)).toHaveLength(ids.length);
  });

  it('starts with the service, and comes back also after a fault', async () => {
    const purge = jest.spyOn(service.get(ProjectsRepository), 'purge').mockRejectedValueOnce(new Error('no disk'));
    const id = await make(31);
    await service.get(TrashSweepService).onServiceStart();
    const deadline = Date.now() + 25_000;
    while ((await left([id])).length > 0) {
      if (Date.now() > deadline) throw new Error('The project is still there');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(purge.mock.calls.length).toBeGreaterThan(1);
    expect(service.log.lines.join()).toContain('The trash could not be swept');
    await service.get(TrashSweepService).onModuleDestroy();
  });

  it('ends between two batches when the service ends', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 250; i++) ids.push(await make(31));
    const own = new TrashSweepService(
      db,
      service.get(ProjectsRepository),
      service.get(AuditTrail),
      service.cache,
      { PROJECT_TRASH_SWEEP_SECONDS: 1 },
      service.get(LOGGER as never),
    );
    await own.onServiceStart();
    await own.onModuleDestroy();
    const remaining = (await left(ids)).length;
    expect([250, 150]).toContain(remaining);
    expect(await purged(ids)).toHaveLength(ids.length - remaining);
  });
});
