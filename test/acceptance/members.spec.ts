import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { times } from './support/chance.js';
import { anyone, type Client } from './support/client.js';
import { addMember, createProject, type Person, register, registerMany } from './support/people.js';
import type { Member, Project } from './support/resources.js';
import { AT_ONCE_MS, eventually } from './support/waiting.js';

const at = (id: string) => `/api/v1/projects/${id}`;
const member = (id: string, userId: string) => `${at(id)}/members/${userId}`;
const members = async (client: Client, id: string) =>
  (await client.get(`${at(id)}/members?limit=100`)).is(200).data<Member[]>();
const roles = async (client: Client, id: string) =>
  Object.fromEntries((await members(client, id)).map(({ user_id, role }) => [user_id, role]));

describe('what each role may', () => {
  let people: Record<'owner' | 'editor' | 'viewer' | 'stranger', Person>;
  let newcomer: Person;
  let project: Project;

  beforeAll(async () => {
    const [owner, editor, viewer, stranger, last] = (await registerMany(5)) as [Person, Person, Person, Person, Person];
    people = { owner, editor, viewer, stranger };
    newcomer = last;
    project = await createProject(owner);
    await addMember(owner, project.id, editor.id, 'editor');
    await addMember(owner, project.id, viewer.id, 'viewer');
  });

  test.each([
    ['owner', 200],
    ['editor', 200],
    ['viewer', 200],
    ['stranger', 404],
  ] as const)('read: %s %i', async (who, status) => {
    (await people[who].get(at(project.id))).is(status);
    (await people[who].get(`${at(project.id)}/members`)).is(status);
    const listed = (await people[who].get('/api/v1/projects')).data<Project[]>().map(({ id }) => id);
    expect(listed.includes(project.id)).toBe(status === 200);
  });

  test.each([
    ['owner', 200],
    ['editor', 200],
    ['viewer', 403],
    ['stranger', 404],
  ] as const)('change: %s %i', async (who, status) => {
    (await people[who].patch(at(project.id), { description: `By ${who}` })).is(status);
  });

  test.each([
    ['editor', 403],
    ['viewer', 403],
    ['stranger', 404],
    ['owner', 200],
  ] as const)('manage members: %s %i', async (who, status) => {
    const path = member(project.id, newcomer.id);
    if (status === 200) {
      expect((await people[who].put(path, { role: 'viewer' })).is(200, 201).data<Member>()).toMatchObject({
        user_id: newcomer.id,
        role: 'viewer',
      });
      (await people[who].delete(path)).is(204);
      return;
    }
    (await people[who].put(path, { role: 'viewer' })).is(status);
    (await people[who].put(member(project.id, people[who].id), { role: 'owner' })).is(status);
    (await people[who].delete(member(project.id, people.owner.id))).is(status);
  });

  test.each([
    ['editor', 403],
    ['viewer', 403],
    ['stranger', 404],
    ['owner', 200],
  ] as const)('archive and delete: %s %i', async (who, status) => {
    (await people[who].post(`${at(project.id)}/archive`)).is(status);
    if (status === 200) (await people[who].post(`${at(project.id)}/unarchive`)).is(200);
    (await people[who].delete(at(project.id))).is(status === 200 ? 204 : status);
    if (status === 200) (await people[who].post(`${at(project.id)}/restore`)).is(200);
  });
});

describe('members', () => {
  test('are listed with their roles and names', async () => {
    const [ada, bob] = [await register('Ada Lovelace'), await register('Bob Noyce')];
    const { id } = await createProject(ada);
    await addMember(ada, id, bob.id, 'editor');
    const list = await members(bob, id);
    expect(list).toEqual([
      expect.objectContaining({ user_id: ada.id, role: 'owner', name: 'Ada Lovelace' }),
      expect.objectContaining({ user_id: bob.id, role: 'editor', name: 'Bob Noyce' }),
    ]);
    expect(JSON.stringify(list)).not.toContain(ada.email);
  });

  test('may be given another role, again and again', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    for (const role of ['viewer', 'viewer', 'editor', 'owner', 'viewer']) {
      await addMember(ada, id, bob.id, role);
      expect(await roles(ada, id)).toEqual({ [ada.id]: 'owner', [bob.id]: role });
    }
    (await bob.patch(at(id), { name: 'x' })).fails(403, 'project_role_too_low');
  });

  test('may leave, and are then strangers', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    await addMember(ada, id, bob.id, 'viewer');
    (await bob.get(at(id))).is(200);
    (await bob.delete(member(id, bob.id))).is(204);
    await eventually(
      () => bob.get(at(id)),
      ({ status }) => status === 404,
      { withinMs: AT_ONCE_MS, what: 'who left sees it no more' },
    );
    (await bob.delete(member(id, bob.id))).fails(404, 'project_not_found');
    expect(await roles(ada, id)).toEqual({ [ada.id]: 'owner' });
  });

  test('must be people, with a role that there is', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    (await ada.put(member(id, randomUUID()), { role: 'viewer' })).fails(404, 'user_not_found');
    (await ada.put(member(id, 'nobody'), { role: 'viewer' })).fails(400, 'invalid_id');
    for (const body of [{ role: 'emperor' }, {}, { role: null }, { role: 'viewer', extra: 1 }]) {
      (await ada.put(member(id, bob.id), body)).is(400);
    }
    (await ada.delete(member(id, bob.id))).fails(404, 'member_not_found');
    (await anyone().put(member(id, bob.id), { role: 'viewer' })).is(401);
  });

  test('who is raised to owner may do everything at once', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    await addMember(ada, id, bob.id, 'owner');
    (await bob.delete(member(id, ada.id))).is(204);
    await eventually(
      () => ada.get(at(id)),
      ({ status }) => status === 404,
      { withinMs: AT_ONCE_MS, what: 'the former owner shut out' },
    );
    (await bob.delete(at(id))).is(204);
  });

  test('ten added at once are ten', async () => {
    const [ada, ...others] = (await registerMany(11)) as [Person, ...Person[]];
    const { id } = await createProject(ada);
    await Promise.all(others.map((person) => addMember(ada, id, person.id, 'viewer')));
    expect(Object.keys(await roles(ada, id))).toHaveLength(11);
  });

  test('the same one added ten times at once is one', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    const given = times(10).map((n) => (n % 2 ? 'viewer' : 'editor'));
    await Promise.all(given.map((role) => addMember(ada, id, bob.id, role)));
    expect(await members(ada, id)).toHaveLength(2);
  });
});

describe('the last owner', () => {
  test('cannot leave, and cannot be less', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    await addMember(ada, id, bob.id, 'editor');
    (await ada.delete(member(id, ada.id))).fails(409, 'last_owner');
    (await ada.put(member(id, ada.id), { role: 'editor' })).fails(409, 'last_owner');
    (await ada.put(member(id, ada.id), { role: 'owner' })).is(200);
    expect(await roles(ada, id)).toEqual({ [ada.id]: 'owner', [bob.id]: 'editor' });
  });

  test('of two who leave at once one stays', async () => {
    for (const _round of times(5)) {
      const [ada, bob] = await Promise.all([register(), register()]);
      const { id } = await createProject(ada);
      await addMember(ada, id, bob.id, 'owner');
      const replies = await Promise.all([ada.delete(member(id, ada.id)), bob.delete(member(id, bob.id))]);
      expect(replies.map(({ status }) => status).sort()).toEqual([204, 409]);
      const stayed = replies[0]?.status === 409 ? ada : bob;
      expect(await roles(stayed, id)).toEqual({ [stayed.id]: 'owner' });
    }
  });

  test('of three who lower each other at once one stays', async () => {
    for (const _round of times(3)) {
      const people = (await registerMany(3)) as [Person, Person, Person];
      const [ada, bob, eve] = people;
      const { id } = await createProject(ada);
      await addMember(ada, id, bob.id, 'owner');
      await addMember(ada, id, eve.id, 'owner');
      const replies = await Promise.all(
        people.map((person, n) => person.put(member(id, (people[(n + 1) % 3] as Person).id), { role: 'viewer' })),
      );
      for (const reply of replies) reply.is(200, 403, 409);
      const left = Object.values(await roles(ada, id)).filter((role) => role === 'owner');
      expect(left.length).toBeGreaterThanOrEqual(1);
      expect(left.length).toBe(3 - replies.filter(({ status }) => status === 200).length);
    }
  });
});
