import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { TIMESTAMP, UUID_V7 } from './support/answer-rules.js';
import { anyone, type Client } from './support/client.js';
import { addMember, createProject, register } from './support/people.js';
import type { Project } from './support/resources.js';

const projects = '/api/v1/projects';
const at = (id: string) => `${projects}/${id}`;
const read = async (client: Client, id: string) => (await client.get(at(id))).is(200).data<Project>();
const listed = async (client: Client, query = '') =>
  (await client.get(`${projects}${query}`))
    .is(200)
    .data<Project[]>()
    .map(({ id }) => id);

describe('creating', () => {
  test('with a name alone', async () => {
    const ada = await register();
    const project = (await ada.post(projects, { name: 'Engine' })).is(201).data<Project>();
    expect(project).toMatchObject({ name: 'Engine', description: null, visibility: 'private', tags: [], metadata: {} });
    expect(project).toMatchObject({ status: 'active', version: 1, role: 'owner', owner_id: ada.id });
    expect(project.id).toMatch(UUID_V7);
    expect(project.created_at).toMatch(TIMESTAMP);
    expect(await read(ada, project.id)).toEqual(project);
    expect(await listed(ada)).toEqual([project.id]);
  });

  test('with everything', async () => {
    const ada = await register();
    const fields = {
      name: 'Analytical Engine',
      description: 'Notes.\n\nAnd plans.',
      visibility: 'internal',
      tags: ['research', 'Ünïcode'],
      metadata: { room: 4, people: [{ firstName: 'Ada' }], nothing: null },
    };
    expect((await ada.post(projects, fields)).is(201).data<Project>()).toMatchObject(fields);
  });

  test.each([
    ['name', {}],
    ['name', { name: 7 }],
    ['name', { name: '' }],
    ['description', { name: 'x', description: 7 }],
    ['description', { name: 'x', description: 'x'.repeat(50_000) }],
    ['visibility', { name: 'x', visibility: 'public' }],
    ['tags', { name: 'x', tags: 'one' }],
    ['tags', { name: 'x', tags: Array.from({ length: 1000 }, (_, n) => `t${n}`) }],
    ['tags.0', { name: 'x', tags: [''] }],
    ['tags.1', { name: 'x', tags: ['ok', { a: 1 }] }],
    ['metadata', { name: 'x', metadata: [] }],
    ['metadata', { name: 'x', metadata: 'text' }],
    ['metadata', { name: 'x', metadata: { big: 'x'.repeat(100_000) } }],
    ['status', { name: 'x', status: 'archived' }],
    ['owner_id', { name: 'x', owner_id: randomUUID() }],
    ['id', { name: 'x', id: randomUUID() }],
  ])('what is no project is refused: %s', async (field, body) => {
    const ada = await register();
    expect((await ada.post(projects, body)).is(400).error.details?.map((detail) => detail.field)).toContain(field);
    expect((await ada.get(projects)).page.total).toBe(0);
  });

  test('needs somebody', async () => {
    (await anyone().post(projects, { name: 'x' })).is(401);
    (await anyone().get(projects)).is(401);
  });
});

describe('changing', () => {
  test('what is given, and nothing else', async () => {
    const ada = await register();
    const before = await createProject(ada, { description: 'Before', tags: ['a'], metadata: { a: 1 } });
    const named = (await ada.patch(at(before.id), { name: 'Renamed' })).is(200).data<Project>();
    expect(named).toMatchObject({ ...before, name: 'Renamed', version: 2, updated_at: expect.any(String) });
    const rest = { description: null, visibility: 'internal', tags: [], metadata: { b: { c: [] } } };
    expect((await ada.patch(at(before.id), rest)).is(200).data<Project>()).toMatchObject({
      ...rest,
      name: 'Renamed',
      version: 3,
    });
    expect(await read(ada, before.id)).toMatchObject({ ...rest, name: 'Renamed', version: 3 });
  });

  test('what cannot be changed is refused', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    for (const field of ['id', 'status', 'owner_id', 'version', 'created_at', 'role', 'nothing']) {
      (await ada.patch(at(id), { [field]: 'x' })).is(400);
    }
    expect((await read(ada, id)).version).toBe(1);
  });

  test('what is not there is not changed', async () => {
    const ada = await register();
    (await ada.patch(at(randomUUID()), { name: 'x' })).fails(404, 'project_not_found');
    (await ada.delete(at(randomUUID()))).fails(404, 'project_not_found');
    (await ada.post(`${at(randomUUID())}/restore`)).fails(404, 'project_not_found');
  });
});

describe('the trash', () => {
  test('takes a project, and gives it back', async () => {
    const ada = await register();
    const before = await createProject(ada, { metadata: { kept: true } });
    const other = await createProject(ada);
    (await ada.delete(at(before.id))).is(204);
    expect(await listed(ada)).toEqual([other.id]);
    expect(await listed(ada, '?status=trashed')).toEqual([before.id]);
    expect((await ada.get(`${projects}?status=trashed`)).page.total).toBe(1);
    const restored = (await ada.post(`${at(before.id)}/restore`)).is(200).data<Project>();
    expect(restored).toMatchObject({ id: before.id, name: before.name, status: 'active', metadata: { kept: true } });
    expect(await listed(ada)).toEqual([other.id, before.id]);
    expect(await listed(ada, '?status=trashed')).toEqual([]);
  });

  test('what lies in it cannot be changed', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    (await ada.delete(at(id))).is(204);
    (await ada.patch(at(id), { name: 'x' })).fails(409, 'project_trashed');
    (await ada.post(`${at(id)}/archive`)).fails(409, 'project_trashed');
    (await ada.put(`${at(id)}/members/${(await register()).id}`, { role: 'viewer' })).fails(409, 'project_trashed');
  });

  test('is not for members to look into', async () => {
    const [ada, bob, eve] = await Promise.all([register(), register(), register()]);
    const { id } = await createProject(ada, { visibility: 'internal' });
    await addMember(ada, id, bob.id, 'editor');
    (await bob.delete(at(id))).fails(403, 'project_role_too_low');
    (await eve.delete(at(id))).is(403);
    (await ada.delete(at(id))).is(204);
    for (const person of [bob, eve]) {
      (await person.get(at(id))).fails(404, 'project_not_found');
      expect(await listed(person, '?status=trashed')).toEqual([]);
      (await person.post(`${at(id)}/restore`)).is(404, 403);
    }
    (await ada.post(`${at(id)}/restore`)).is(200);
    (await bob.get(at(id))).is(200);
    (await eve.get(at(id))).is(200);
  });
});

describe('the archive', () => {
  test('keeps a project as it is', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const archived = (await ada.post(`${at(id)}/archive`)).is(200).data<Project>();
    expect(archived.status).toBe('archived');
    expect(await read(ada, id)).toEqual(archived);
    (await ada.patch(at(id), { name: 'x' })).fails(409, 'project_archived');
    expect(await listed(ada, '?status=archived')).toEqual([id]);
    expect(await listed(ada, '?status=active')).toEqual([]);
    expect((await ada.post(`${at(id)}/unarchive`)).is(200).data<Project>().status).toBe('active');
    (await ada.patch(at(id), { name: 'x' })).is(200);
  });

  test('is for owners', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    await addMember(ada, id, bob.id, 'editor');
    (await bob.post(`${at(id)}/archive`)).fails(403, 'project_role_too_low');
    (await ada.post(`${at(id)}/archive`)).is(200);
    (await bob.post(`${at(id)}/unarchive`)).fails(403, 'project_role_too_low');
    expect((await read(bob, id)).status).toBe('archived');
  });
});

describe('visibility', () => {
  test('a private project is its members’', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    (await bob.get(at(id))).fails(404, 'project_not_found');
    (await bob.head(at(id))).is(404);
    (await bob.patch(at(id), { name: 'x' })).fails(404, 'project_not_found');
    (await bob.delete(at(id))).fails(404, 'project_not_found');
    (await bob.get(`${at(id)}/members`)).fails(404, 'project_not_found');
    (await bob.put(`${at(id)}/members/${bob.id}`, { role: 'owner' })).fails(404, 'project_not_found');
    (await anyone().get(at(id))).is(401);
    // One that is hidden is told like one that is not there.
    const hidden = (await bob.get(at(id))).json;
    const absent = (await bob.get(at(randomUUID()))).json;
    expect({ ...hidden, request_id: '' }).toEqual({ ...absent, request_id: '' });
  });

  test('an internal one may be read by whoever is signed in', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada, { visibility: 'internal' });
    expect((await read(bob, id)).id).toBe(id);
    (await bob.patch(at(id), { name: 'x' })).fails(403, 'project_role_too_low');
    (await bob.delete(at(id))).fails(403, 'project_role_too_low');
    (await bob.put(`${at(id)}/members/${bob.id}`, { role: 'viewer' })).fails(403, 'project_role_too_low');
    (await anyone().get(at(id))).is(401);
    expect(await listed(bob)).toEqual([]);
  });
});
