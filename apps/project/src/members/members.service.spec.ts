import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type DirectoryUser, type ProjectRole, projectMemberAdded, UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { parseIfMatch } from '@nexus/http';
import { errors, type UserActor } from '@nexus/kernel';
import { openTestService, type TestService, testContext, testUser } from '@nexus/testing';
import { projectService } from '../index.js';
import { newProject, type Project } from '../projects/project.schemas.js';
import { ProjectsService } from '../projects/projects.service.js';
import { memberSchema } from './members.schemas.js';
import { MembersService } from './members.service.js';

const ALL = { limit: 100, sort: 'created_at' } as const;

/** People by id; everyone is active unless noted here. */
class People extends UserDirectory {
  readonly away = new Set<string>();
  reachable = true;

  async ensure(): Promise<DirectoryUser> {
    throw errors.not_implemented();
  }

  async find(_: unknown, { ids }: { ids: string[] }): Promise<{ users: DirectoryUser[] }> {
    if (!this.reachable) throw errors.unavailable();
    const at = '2026-01-01T00:00:00.000Z';
    const users = ids
      .filter((id) => !id.endsWith('0000'))
      .map((id) => ({
        id,
        email: `${id}@corp.example`,
        name: `Name of ${id}`,
        role: 'user' as const,
        email_verified: true,
        status: this.away.has(id) ? ('deactivated' as const) : ('active' as const),
        locale: 'en',
        timezone: 'UTC',
        version: 1,
        created_at: at,
        updated_at: at,
      }));
    return { users };
  }
}

describe('members of a project', () => {
  let service: TestService;
  let members: MembersService;
  let db: Database;
  let ada: UserActor;
  let project: Project;
  const people = new People();

  beforeAll(async () => {
    service = await openTestService(projectService, { ports: [[UserDirectory, people]] });
    members = service.get(MembersService);
    db = service.platform.databases.get('project');
  });

  beforeEach(async () => {
    people.reachable = true;
    ada = testUser();
    const body = newProject.parse({ name: 'Engine' });
    project = await service.get(ProjectsService).create(testContext(ada), ada, body);
    service.invalidated.length = 0;
  });

  afterAll(() => service.close());

  const put = (userId: string, role: ProjectRole, etag?: string, by = ada) =>
    members.put(testContext(by), by, { id: project.id, user_id: userId }, role, parseIfMatch(etag));
  const remove = (userId: string, etag?: string, by = ada) =>
    members.remove(testContext(by), by, { id: project.id, user_id: userId }, parseIfMatch(etag));
  const join = async (role: ProjectRole) => {
    const user = testUser();
    await put(user.id, role);
    return user;
  };
  const roles = async () => {
    const { items } = await members.list(testContext(ada), ada, project.id, ALL);
    return Object.fromEntries(items.map((member) => [member.user_id, member.role]));
  };
  const owner = async () =>
    (await db.query<{ owner_id: string }>('SELECT owner_id FROM project.projects WHERE id = $1', [project.id]))[0]
      ?.owner_id;
  const audit = async () =>
    (await db.query('SELECT action, details FROM audit.records WHERE target_id = $1 ORDER BY id', [project.id])).slice(
      1,
    );
  const events = async () =>
    (await service.platform.queued(projectMemberAdded, 'notification')).filter(
      ({ data }) => (data as { project_id: string }).project_id === project.id,
    );

  it('are added, changed and removed, with records, and with an event for who is added', async () => {
    const bob = testUser();
    const added = await put(bob.id, 'viewer');
    expect(memberSchema.strict().parse(added)).toEqual(added);
    expect(added).toMatchObject({
      user_id: bob.id,
      name: `Name of ${bob.id}`,
      role: 'viewer',
      added_by: ada.id,
      version: 1,
    });
    expect(await put(bob.id, 'viewer')).toEqual(added);
    const changed = await put(bob.id, 'editor', '"1-x"');
    expect(changed).toEqual({ ...added, role: 'editor', version: 2, updated_at: changed.updated_at });
    expect(await roles()).toEqual({ [ada.id]: 'owner', [bob.id]: 'editor' });
    await remove(bob.id, '"2-x"');
    expect(await roles()).toEqual({ [ada.id]: 'owner' });
    expect(await audit()).toEqual([
      { action: 'project.member_added', details: { user_id: bob.id, role: 'viewer', members_version: 2 } },
      { action: 'project.member_role_changed', details: { user_id: bob.id, role: 'editor', members_version: 3 } },
      { action: 'project.member_removed', details: { user_id: bob.id, role: 'editor', members_version: 4 } },
    ]);
    expect(await events()).toEqual([
      expect.objectContaining({
        aggregate: { type: 'project_members', id: project.id, version: 2 },
        data: { project_id: project.id, project_name: 'Engine', user_id: bob.id, role: 'viewer', added_by: ada.id },
      }),
    ]);
    expect(service.invalidated).toEqual(Array.from({ length: 3 }, () => `project:${project.id}`));
  });

  it('are listed in pages, with their names where they can be learnt', async () => {
    const others = [await join('editor'), await join('viewer'), await join('viewer')];
    const list = (query: object) => members.list(testContext(ada), ada, project.id, { ...ALL, ...query });
    const first = await list({ limit: 3 });
    const second = await list({ limit: 3, cursor: first.nextCursor });
    expect([first.total, second.total, second.nextCursor]).toEqual([4, 4, null]);
    const ids = [...first.items, ...second.items].map((member) => member.user_id);
    expect(ids).toEqual([ada, ...others].map((user) => user.id));
    expect(first.items[0]?.name).toBe(`Name of ${ada.id}`);
    expect((await list({ role: 'viewer' })).total).toBe(2);
    people.reachable = false;
    const nameless = await list({});
    expect(nameless.items.map((member) => member.name)).toEqual([null, null, null, null]);
    expect(memberSchema.strict().parse(nameless.items[0])).toEqual(nameless.items[0]);
  });

  it('must be people who exist and are active, and nobody else learns who does', async () => {
    const gone = testUser();
    people.away.add(gone.id);
    const unknown = `${testUser().id.slice(0, -4)}0000`;
    for (const id of [gone.id, unknown]) {
      const fault = { status: 404, code: 'user_not_found', details: [expect.objectContaining({ field: 'user_id' })] };
      await expect(put(id, 'viewer')).rejects.toMatchObject(fault);
      await expect(put(id, 'viewer', undefined, testUser())).rejects.toMatchObject({ code: 'project_not_found' });
    }
    people.reachable = false;
    await expect(put(testUser().id, 'viewer')).rejects.toMatchObject({ status: 503 });
    expect(await roles()).toEqual({ [ada.id]: 'owner' });
  });

  it.each(['viewer', 'editor'] as const)('are not managed by a %s, who may leave', async (role) => {
    const [bob, carol] = [await join(role), await join('viewer')];
    await expect(put(carol.id, 'editor', undefined, bob)).rejects.toMatchObject({
      status: 403,
      code: 'project_role_too_low',
    });
    await expect(put(bob.id, 'owner', undefined, bob)).rejects.toMatchObject({ code: 'project_role_too_low' });
    await expect(remove(carol.id, undefined, bob)).rejects.toMatchObject({ code: 'project_role_too_low' });
    await remove(bob.id, undefined, bob);
    expect(await roles()).toEqual({ [ada.id]: 'owner', [carol.id]: 'viewer' });
    expect((await audit()).at(-1)).toMatchObject({ action: 'project.member_left' });
    await expect(remove(bob.id)).rejects.toMatchObject({ status: 404, code: 'member_not_found' });
  });

  it('change only as the client has seen them', async () => {
    const bob = await join('viewer');
    await expect(put(bob.id, 'editor', '"9-x"')).rejects.toMatchObject({ code: 'stale_version' });
    await expect(remove(bob.id, '"9-x"')).rejects.toMatchObject({ code: 'stale_version' });
    await expect(put(testUser().id, 'editor', '*')).rejects.toMatchObject({ code: 'stale_version' });
    await put(bob.id, 'editor', '*');
  });

  it('always include an owner', async () => {
    const bob = await join('editor');
    await expect(remove(ada.id)).rejects.toMatchObject({ status: 409, code: 'last_owner' });
    await expect(put(ada.id, 'viewer')).rejects.toMatchObject({ status: 409, code: 'last_owner' });
    await put(bob.id, 'owner');
    await put(ada.id, 'viewer');
    expect(await owner()).toBe(bob.id);
    await remove(ada.id, undefined, bob);
    await expect(remove(bob.id, undefined, bob)).rejects.toMatchObject({ code: 'last_owner' });
    expect(await owner()).toBe(bob.id);
  });

  it.each([
    ['leave', (user: UserActor) => remove(user.id, undefined, user)],
    ['step down', (user: UserActor) => put(user.id, 'viewer', undefined, user)],
  ] as const)('keep one owner when all owners %s at once', async (_, go) => {
    for (let round = 0; round < 5; round++) {
      const owners = [ada, await join('owner'), await join('owner'), await join('owner')];
      const results = await Promise.allSettled(owners.map((user) => go(user)));
      const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      expect(refused.map((reason) => reason.code)).toEqual(['last_owner']);
      const left = await db.query<{ user_id: string }>(
        `SELECT user_id FROM project.members WHERE project_id = $1 AND role = 'owner'`,
        [project.id],
      );
      expect(left).toHaveLength(1);
      expect(await owner()).toBe(left[0]?.user_id);
      ada = owners.find((user) => user.id === left[0]?.user_id) as UserActor;
    }
  });

  it('are not changed by an owner who was demoted while waiting', async () => {
    for (let round = 0; round < 8; round++) {
      const bob = await join('owner');
      const demotions = [put(bob.id, 'viewer'), put(ada.id, 'viewer', undefined, bob)];
      const results = await Promise.allSettled(demotions);
      expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
      const refused = results.find((result) => result.status === 'rejected');
      expect(refused?.reason).toMatchObject({ code: 'project_role_too_low' });
      if (results[1]?.status === 'fulfilled') ada = bob;
    }
  });

  it('are added once when several ask at once', async () => {
    const bob = testUser();
    const answers = await Promise.all(Array.from({ length: 8 }, () => put(bob.id, 'viewer')));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await events()).toHaveLength(1);
  });

  it('stay as they are while the project is in the trash', async () => {
    const bob = await join('viewer');
    await service.get(ProjectsService).move(testContext(ada), ada, project.id, 'trash');
    await expect(put(bob.id, 'editor')).rejects.toMatchObject({ status: 409, code: 'project_trashed' });
    await expect(remove(bob.id)).rejects.toMatchObject({ code: 'project_trashed' });
    await expect(remove(bob.id, undefined, bob)).rejects.toMatchObject({ code: 'project_not_found' });
    expect(await roles()).toEqual({ [ada.id]: 'owner', [bob.id]: 'viewer' });
  });
});
