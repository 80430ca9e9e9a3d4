import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UserDirectory } from '@nexus/contracts';
import { uuidv7 } from '@nexus/kernel';
import { MemoryUserDirectory, startTestApp, type TestApp } from '@nexus/testing';
import { projectService } from '../index.js';

const PATH = '/api/v1/projects';

interface Person {
  readonly id: string;
  readonly token: string;
}

describe('the routes of projects', () => {
  let app: TestApp;
  const people = new MemoryUserDirectory();

  beforeAll(async () => {
    const doubles = [{ port: UserDirectory, instance: people }];
    const env = { RATE_LIMIT_AUTHENTICATED: '100000' };
    app = await startTestApp({ services: [projectService], doubles, env });
  }, 60_000);

  afterAll(() => app?.stop());

  async function person(name = 'Ada'): Promise<Person> {
    const id = uuidv7();
    await people.ensure({} as never, {
      id,
      name,
      email: `${id}@corp.example`,
      role: 'user',
      email_verified: true,
      account_version: 1,
    });
    return { id, token: app.token({ sub: id }) };
  }

  const call = (who: Person, method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    app.call(method, path, {
      token: who.token,
      ...(body === undefined ? {} : { body }),
      ...(headers ? { headers } : {}),
    });
  const create = async (who: Person, body: object = {}) =>
    (await call(who, 'POST', PATH, { name: 'Engine', ...body })).body.data as { id: string };
  const cacheStatus = (reply: { headers: Headers }) => reply.headers.get('cache-status');

  it('create, with defaults, Location and ETag', async () => {
    const ada = await person();
    const made = await call(ada, 'POST', PATH, { name: ' Engine ' });
    expect(made.status).toBe(201);
    const { id, created_at } = made.body.data;
    expect(made.body.data).toEqual({
      id,
      name: 'Engine',
      description: null,
      visibility: 'private',
      tags: [],
      metadata: {},
      status: 'active',
      owner_id: ada.id,
      role: 'owner',
      version: 1,
      created_at,
      updated_at: created_at,
      archived_at: null,
      trashed_at: null,
    });
    expect(created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(made.headers.get('location')).toBe(`${PATH}/${id}`);
    const read = await call(ada, 'GET', `${PATH}/${id}`);
    expect(read.body.data).toEqual(made.body.data);
    expect(read.headers.get('etag')).toBe(made.headers.get('etag'));
    expect(
      (await call(ada, 'GET', `${PATH}/${id}`, undefined, { 'if-none-match': `${read.headers.get('etag')}` })).status,
    ).toBe(304);
  });

  it('take forms and camelCase, and leave metadata alone', async () => {
    const ada = await person();
    const metadata = { camelKey: { innerKey: [1] }, snake_key: 2 };
    const json = await call(ada, 'POST', PATH, { name: 'Engine', metadata });
    expect(json.body.data.metadata).toEqual(metadata);
    const form = await call(ada, 'POST', PATH, 'name=From+a+form&tags=a&tags=b', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(form.body.data).toMatchObject({ name: 'From a form', tags: ['a', 'b'] });
  });

  it('name every fault of a body', async () => {
    const body = { name: '', visibility: 'public', tags: ['ok', ''], metadata: 'x', ownerId: 'y', extra: 1 };
    const reply = await call(await person(), 'POST', PATH, body);
    expect(reply.status).toBe(400);
    expect(reply.body).toMatchObject({
      success: false,
      error_code: 400,
      request_id: reply.headers.get('x-request-id'),
    });
    const faults = reply.body.details.map(({ field, code }: { field: string; code: string }) => `${field} ${code}`);
    expect(faults.sort()).toEqual([
      'extra unknown_field',
      'metadata invalid_type',
      'name too_small',
      'ownerId unknown_field',
      'tags.1 too_small',
      'visibility invalid_value',
    ]);
  });

  it('create once for one idempotency key', async () => {
    const ada = await person();
    const send = () => call(ada, 'POST', PATH, { name: 'Once' }, { 'idempotency-key': 'k1' });
    const [first, second] = [await send(), await send()];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.data).toEqual(first.body.data);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect((await call(ada, 'GET', PATH)).body.page.total).toBe(1);
  });

  it('serve reads from the cache, to nobody else, and never after a write', async () => {
    const [ada, bob, eve] = [await person(), await person('Bob'), await person('Eve')];
    const { id } = await create(ada);
    const at = `${PATH}/${id}`;
    expect(cacheStatus(await call(ada, 'GET', at))).toBe('nexus; fwd=miss');
    expect(cacheStatus(await call(ada, 'GET', at))).toMatch(/^nexus; hit; detail=l1/);
    expect((await call(eve, 'GET', at)).body).toMatchObject({
      error_code: 404,
      details: [{ code: 'project_not_found' }],
    });

    await call(ada, 'PATCH', at, { name: 'New name' });
    const changed = await call(ada, 'GET', at);
    expect([cacheStatus(changed), changed.body.data.name]).toEqual(['nexus; fwd=miss', 'New name']);

    const member = `${at}/members/${bob.id}`;
    expect((await call(ada, 'PUT', member, { role: 'viewer' })).body.data).toMatchObject({
      name: 'Bob',
      role: 'viewer',
    });
    expect((await call(bob, 'GET', at)).body.data.role).toBe('viewer');
    await call(ada, 'PUT', member, { role: 'editor' });
    expect((await call(bob, 'GET', at)).body.data.role).toBe('editor');
    expect((await call(bob, 'DELETE', member)).status).toBe(204);
    expect((await call(bob, 'GET', at)).status).toBe(404);

    await call(ada, 'DELETE', at);
    expect((await call(ada, 'GET', at)).body.data.status).toBe('trashed');
    await call(ada, 'POST', `${at}/restore`);
    expect((await call(ada, 'GET', at)).body.data.status).toBe('active');
  });

  it('change only what the client has seen', async () => {
    const ada = await person();
    const { id } = await create(ada);
    const at = `${PATH}/${id}`;
    const etag = `${(await call(ada, 'GET', at)).headers.get('etag')}`;
    const first = await call(ada, 'PATCH', at, { name: 'One' }, { 'if-match': etag });
    expect(first.status).toBe(200);
    const stale = { error_code: 412, details: [{ code: 'stale_version' }] };
    for (const [method, path, body] of [
      ['PATCH', at, { name: 'Two' }],
      ['DELETE', at, undefined],
      ['POST', `${at}/archive`, undefined],
    ] as const) {
      expect((await call(ada, method, path, body, { 'if-match': etag })).body).toMatchObject(stale);
    }
    const next = `${first.headers.get('etag')}`;
    expect((await call(ada, 'DELETE', at, undefined, { 'if-match': next })).status).toBe(204);
  });

  it('go through a project’s life', async () => {
    const ada = await person();
    const { id } = await create(ada);
    const at = `${PATH}/${id}`;
    const statusOf = async (query = '') =>
      (await call(ada, 'GET', `${PATH}${query}`)).body.data.map((item: { status: string }) => item.status);
    expect((await call(ada, 'POST', `${at}/archive`)).body.data.status).toBe('archived');
    expect((await call(ada, 'PATCH', at, { name: 'x' })).body).toMatchObject({
      error_code: 409,
      details: [{ code: 'project_archived' }],
    });
    expect(await statusOf()).toEqual(['archived']);
    expect((await call(ada, 'POST', `${at}/unarchive`)).body.data.status).toBe('active');
    expect((await call(ada, 'DELETE', at)).text).toBe('');
    expect(await statusOf()).toEqual([]);
    expect(await statusOf('?status=trashed')).toEqual(['trashed']);
    expect((await call(ada, 'POST', `${at}/archive`)).body).toMatchObject({
      error_code: 409,
      details: [{ code: 'project_trashed' }],
    });
    expect((await call(ada, 'POST', `${at}/restore`)).status).toBe(200);
    expect(await statusOf('?status=active&q=engi')).toEqual(['active']);
  });

  it('list in pages with an exact total, and refuse a cursor of another list', async () => {
    const ada = await person();
    for (const name of ['c', 'a', 'b']) await create(ada, { name });
    const first = await call(ada, 'GET', `${PATH}?sort=name&limit=2`);
    expect(first.body.page).toEqual({ limit: 2, next_cursor: expect.any(String), total: 3 });
    const cursor = encodeURIComponent(first.body.page.next_cursor);
    const second = await call(ada, 'GET', `${PATH}?sort=name&limit=2&cursor=${cursor}`);
    expect(second.body.page).toEqual({ limit: 2, next_cursor: null, total: 3 });
    const names = [...first.body.data, ...second.body.data].map((item: { name: string }) => item.name);
    expect(names).toEqual(['a', 'b', 'c']);
    for (const query of [
      `sort=-name&cursor=${cursor}`,
      `sort=name&tag=x&cursor=${cursor}`,
      'cursor=rubbish',
      'cursor=W10',
    ]) {
      const reply = await call(ada, 'GET', `${PATH}?${query}`);
      expect(reply.body).toMatchObject({ error_code: 400, details: [{ code: 'invalid_cursor', field: 'cursor' }] });
    }
  });

  it.each([
    'limit=0',
    'limit=101',
    'limit=ten',
    'sort=size',
    'status=gone',
    'visibility=public',
    'q=',
    'nonsense=1',
    'limit=1&limit=2',
  ])('refuse to list with %s', async (query) => {
    const reply = await call(await person(), 'GET', `${PATH}?${query}`);
    expect(reply.body).toMatchObject({ success: false, error_code: 400 });
  });

  it('manage members, and answer each fault by its code', async () => {
    const [ada, bob] = [await person(), await person('Bob')];
    const { id } = await create(ada, { visibility: 'internal' });
    const at = `${PATH}/${id}/members`;
    const code = async (
      who: Person,
      method: string,
      path: string,
      body?: unknown,
      headers?: Record<string, string>,
    ) => {
      const reply = await call(who, method, path, body, headers);
      return [reply.status, reply.body.details?.[0]?.code];
    };
    expect(await code(ada, 'PUT', `${at}/${uuidv7()}`, { role: 'viewer' })).toEqual([404, 'user_not_found']);
    expect(await code(bob, 'PUT', `${at}/${bob.id}`, { role: 'viewer' })).toEqual([403, 'project_role_too_low']);
    expect(await code(bob, 'DELETE', `${at}/${bob.id}`)).toEqual([404, 'member_not_found']);
    expect(await code(ada, 'DELETE', `${at}/${ada.id}`)).toEqual([409, 'last_owner']);
    expect(await code(ada, 'PUT', `${at}/${bob.id}`, { role: 'king' })).toEqual([400, 'invalid_value']);
    expect(await code(ada, 'PUT', `${at}/nobody`, { role: 'viewer' })).toEqual([400, 'invalid_id']);
    const put = await call(ada, 'PUT', `${at}/${bob.id}`, { role: 'viewer' });
    expect(put.status).toBe(200);
    const etag = `${put.headers.get('etag')}`;
    expect(await code(ada, 'PUT', `${at}/${bob.id}`, { role: 'editor' }, { 'if-match': etag })).toEqual([
      200,
      undefined,
    ]);
    expect(await code(ada, 'DELETE', `${at}/${bob.id}`, undefined, { 'if-match': etag })).toEqual([
      412,
      'stale_version',
    ]);
    const list = await call(bob, 'GET', `${at}?role=editor`);
    expect(list.body).toMatchObject({ data: [{ user_id: bob.id, name: 'Bob', added_by: ada.id }], page: { total: 1 } });
  });

  it('are for people who are signed in', async () => {
    for (const [method, path] of [
      ['POST', PATH],
      ['GET', PATH],
      ['GET', `${PATH}/${uuidv7()}`],
      ['DELETE', `${PATH}/${uuidv7()}/members/${uuidv7()}`],
    ] as const) {
      const reply = await app.call(method, path);
      expect(reply.body).toMatchObject({ error_code: 401, details: [{ code: 'unauthenticated' }] });
    }
    expect((await call(await person(), 'GET', `${PATH}/NOT-AN-ID`)).body).toMatchObject({
      details: [{ code: 'invalid_id' }],
    });
  });
});
