import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProjectAccess, ProjectDirectory, type ProjectRole } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { type CallContext, uuidv4, uuidv7 } from '@nexus/kernel';
import { type CallOptions, startTestApp, type TestApp, type TestReply } from '@nexus/testing';
import { fileService } from '../index.js';

class Projects extends ProjectDirectory {
  readonly roles = new Map<string, ProjectRole>();

  async access(ctx: CallContext, { project_id }: { project_id: string }): Promise<ProjectAccess> {
    return { role: ctx.actor.kind === 'user' ? (this.roles.get(`${ctx.actor.id}:${project_id}`) ?? null) : null };
  }
}

let app: TestApp;
let folder: string;
let database: Database;
const projects = new Projects();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-files-'));
  app = await startTestApp({
    services: [fileService],
    doubles: [{ port: ProjectDirectory, instance: projects }],
    env: { NEXUS_DATA_DIR: folder, FILE_QUOTA_BYTES: '5000' },
  });
  database = app.running.app.databases.get('file');
}, 30_000);
afterAll(async () => {
  await app.stop();
  await rm(folder, { recursive: true });
});

const as = (userId: string, options: CallOptions = {}): CallOptions => ({
  token: app.token({ sub: userId }),
  ...options,
});
const code = (reply: TestReply) => [reply.status, reply.body.details?.[0]?.code];
const names = (reply: TestReply) => (reply.body.data as { name: string }[]).map(({ name }) => name);

async function upload(
  userId: string,
  name: string,
  projectId?: string,
  type = 'text/plain',
): Promise<{ id: string; version: number }> {
  const form = new FormData();
  if (projectId !== undefined) form.append('project_id', projectId);
  form.append('file', new File(['content'], name, { type }));
  const reply = await app.call('POST', '/api/v1/files', as(userId, { body: form }));
  if (reply.status !== 201) throw new Error(reply.text);
  return reply.body.data;
}

describe('the list of files', () => {
  it('holds the caller’s own files outside of projects, newest first', async () => {
    const userId = uuidv7();
    const projectId = uuidv7();
    projects.roles.set(`${userId}:${projectId}`, 'editor');
    for (const name of ['one.txt', 'two.txt', 'three.txt']) await upload(userId, name);
    await upload(userId, 'in-project.txt', projectId);
    await upload(uuidv7(), 'foreign.txt');
    const reply = await app.call('GET', '/api/v1/files', as(userId));
    expect(names(reply)).toEqual(['three.txt', 'two.txt', 'one.txt']);
    expect(reply.body.page).toEqual({ limit: 20, next_cursor: null, total: 3 });
  });

  it('holds a project’s files for those who may read it', async () => {
    const [editor, viewer] = [uuidv7(), uuidv7()];
    const projectId = uuidv7();
    projects.roles.set(`${editor}:${projectId}`, 'editor');
    projects.roles.set(`${viewer}:${projectId}`, 'viewer');
    await upload(editor, 'ours.txt', projectId);
    const path = `/api/v1/files?project_id=${projectId}`;
    expect(names(await app.call('GET', path, as(viewer)))).toEqual(['ours.txt']);
    expect(code(await app.call('GET', path, as(uuidv7())))).toEqual([404, 'not_found']);
  });

  it('finds by words of the name and by type', async () => {
    const userId = uuidv7();
    await upload(userId, 'Annual Report 2026.pdf', undefined, 'application/pdf');
    await upload(userId, 'Größe.png', undefined, 'image/png');
    await upload(userId, 'photo_annual.jpg', undefined, 'image/jpeg');
    await upload(userId, 'notes.txt', undefined, 'text/plain; charset=UTF-8');
    const find = async (query: string) => names(await app.call('GET', `/api/v1/files?sort=name&${query}`, as(userId)));
    expect(await find('q=annual')).toEqual(['Annual Report 2026.pdf', 'photo_annual.jpg']);
    expect(await find('q=annual%20rep')).toEqual(['Annual Report 2026.pdf']);
    expect(await find('q=GROSSE')).toEqual(['Größe.png']);
    expect(await find("q=%25'%20%26")).toEqual([]);
    expect(await find('content_type=image/*')).toEqual(['Größe.png', 'photo_annual.jpg']);
    expect(await find('content_type=Image/PNG')).toEqual(['Größe.png']);
    expect(await find('content_type=text/plain')).toEqual(['notes.txt']);
    expect(await find('content_type=text/plain&q=annual')).toEqual([]);
  });

  it.each([
    '-created_at',
    'created_at',
    'name',
    '-name',
    'updated_at',
    '-updated_at',
  ])('is paged by %s, each file once', async (sort) => {
    const userId = uuidv7();
    for (const name of ['b', 'a', 'c', 'a', 'e']) await upload(userId, name);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const reply: TestReply = await app.call(
        'GET',
        `/api/v1/files?limit=2&sort=${sort}${cursor ? `&cursor=${cursor}` : ''}`,
        as(userId),
      );
      expect(reply.body.page.total).toBe(5);
      seen.push(...reply.body.data.map(({ id }: { id: string }) => id));
      cursor = reply.body.page.next_cursor;
      // Added meanwhile: shifts nothing for those who have begun to read at the newest.
      if (seen.length === 2 && sort === '-created_at') {
        await upload(userId, 'late');
        await database.query("DELETE FROM file.files WHERE name = 'late'");
      }
    } while (cursor);
    expect(new Set(seen).size).toBe(5);
    expect(seen).toHaveLength(5);
  });

  it.each([
    ['limit=0', 'too_small'],
    ['limit=101', 'too_large'],
    ['sort=size', 'invalid_value'],
    ['project_id=x', 'invalid_format'],
    ['content_type=png', 'invalid_format'],
    ['status=gone', 'invalid_value'],
    ['colour=red', 'unknown_field'],
    ['cursor=nonsense', 'invalid_cursor'],
  ])('refuses %s', async (query, expected) => {
    expect(code(await app.call('GET', `/api/v1/files?${query}`, as(uuidv7())))).toEqual([400, expected]);
  });
});

describe('a file', () => {
  it('is there for those who may read it alone', async () => {
    const userId = uuidv7();
    const { id } = await upload(userId, 'a.txt');
    expect((await app.call('GET', `/api/v1/files/${id}`, as(userId))).status).toBe(200);
    for (const [method, path] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/restore'],
      ['GET', '/content'],
    ] as const) {
      const options = as(uuidv7(), method === 'PATCH' ? { body: { name: 'b' } } : {});
      expect(code(await app.call(method, `/api/v1/files/${id}${path}`, options))).toEqual([404, 'file_not_found']);
      expect(code(await app.call(method, `/api/v1/files/${uuidv4()}${path}`, options))).toEqual([
        404,
        'file_not_found',
      ]);
    }
    expect(code(await app.call('GET', '/api/v1/files/nope', as(userId)))).toEqual([400, 'invalid_id']);
  });

  it('of a project can be changed by editors, also where somebody else has uploaded it', async () => {
    const [editor, other, viewer] = [uuidv7(), uuidv7(), uuidv7()];
    const projectId = uuidv7();
    projects.roles.set(`${editor}:${projectId}`, 'editor');
    projects.roles.set(`${other}:${projectId}`, 'owner');
    projects.roles.set(`${viewer}:${projectId}`, 'viewer');
    const { id } = await upload(editor, 'a.txt', projectId);
    expect(
      (await app.call('PATCH', `/api/v1/files/${id}`, as(other, { body: { name: 'b.txt' } }))).body.data.name,
    ).toBe('b.txt');
    expect(code(await app.call('PATCH', `/api/v1/files/${id}`, as(viewer, { body: { name: 'c.txt' } })))).toEqual([
      403,
      'forbidden',
    ]);
    expect(code(await app.call('DELETE', `/api/v1/files/${id}`, as(viewer)))).toEqual([403, 'forbidden']);
    expect((await app.call('GET', `/api/v1/files/${id}/content`, as(viewer))).text).toBe('content');
  });

  it('is renamed, found under its new name, and only in the version that was seen', async () => {
    const userId = uuidv7();
    const { id } = await upload(userId, 'old name.txt');
    const etag = (await app.call('GET', `/api/v1/files/${id}`, as(userId))).headers.get('etag') as string;
    const renamed = await app.call(
      'PATCH',
      `/api/v1/files/${id}`,
      as(userId, { body: { name: 'new.txt' }, headers: { 'if-match': etag } }),
    );
    expect(renamed.body.data).toMatchObject({ name: 'new.txt', version: 2 });
    const stale = await app.call(
      'PATCH',
      `/api/v1/files/${id}`,
      as(userId, { body: { name: 'x' }, headers: { 'if-match': etag } }),
    );
    expect(code(stale)).toEqual([412, 'stale_version']);
    expect(
      code(await app.call('DELETE', `/api/v1/files/${id}`, as(userId, { headers: { 'if-match': etag } }))),
    ).toEqual([412, 'stale_version']);
    expect((await app.call('GET', '/api/v1/files?q=old', as(userId))).body.page.total).toBe(0);
    expect((await app.call('GET', '/api/v1/files?q=new', as(userId))).body.page.total).toBe(1);
  });

  it.each([
    [{ name: 'a/b' }, 'invalid_value'],
    [{ name: '' }, 'too_small'],
    [{ name: 'x'.repeat(256) }, 'too_large'],
    [{ name: 'a\u0000' }, 'invalid_encoding'],
    [{}, 'required'],
    [{ name: 'a', project_id: uuidv7() }, 'unknown_field'],
  ])('is not renamed to %j', async (body, expected) => {
    const userId = uuidv7();
    const { id } = await upload(userId, 'a.txt');
    expect(code(await app.call('PATCH', `/api/v1/files/${id}`, as(userId, { body })))).toEqual([400, expected]);
  });

  it('renamed by two at once takes both names in turn, and counts both', async () => {
    const userId = uuidv7();
    const { id } = await upload(userId, 'a.txt');
    const replies = await Promise.all(
      ['b', 'c', 'd'].map((name) => app.call('PATCH', `/api/v1/files/${id}`, as(userId, { body: { name } }))),
    );
    expect(replies.map((reply) => reply.body.data.version).sort()).toEqual([2, 3, 4]);
  });
});

describe('the trash', () => {
  it('takes a file out of sight, keeps its space, and gives it back', async () => {
    const userId = uuidv7();
    const { id } = await upload(userId, 'a.txt');
    const path = `/api/v1/files/${id}`;
    expect((await app.call('DELETE', path, as(userId))).status).toBe(204);
    expect((await app.call('GET', '/api/v1/files', as(userId))).body.page.total).toBe(0);
    expect((await app.call('GET', '/api/v1/files?status=trashed', as(userId))).body.data).toMatchObject([
      { id, status: 'trashed', version: 2 },
    ]);
    expect((await app.call('GET', path, as(userId))).body.data.status).toBe('trashed');
    expect(code(await app.call('GET', `${path}/content`, as(userId)))).toEqual([404, 'file_not_found']);
    expect(code(await app.call('PATCH', path, as(userId, { body: { name: 'b' } })))).toEqual([409, 'file_trashed']);
    expect((await app.call('GET', '/api/v1/files/usage', as(userId))).body.data).toEqual({
      used: 7,
      limit: 5000,
      count: 1,
    });
    // Once more changes nothing.
    expect((await app.call('DELETE', path, as(userId))).status).toBe(204);
    const restored = await app.call('POST', `${path}/restore`, as(userId));
    expect(restored.body.data).toMatchObject({ id, status: 'active', version: 3 });
    expect((await app.call('POST', `${path}/restore`, as(userId))).body.data.version).toBe(3);
    expect((await app.call('GET', `${path}/content`, as(userId))).text).toBe('content');
    const audit = await database.query(
      'SELECT action FROM audit.records WHERE target_id = $1 ORDER BY occurred_at, id',
      [id],
    );
    expect(audit.map(({ action }) => action)).toEqual(['file.uploaded', 'file.trashed', 'file.restored']);
  });

  it('replays a restore that is repeated under its key', async () => {
    const userId = uuidv7();
    const { id } = await upload(userId, 'a.txt');
    await app.call('DELETE', `/api/v1/files/${id}`, as(userId));
    const restore = () =>
      app.call('POST', `/api/v1/files/${id}/restore`, as(userId, { headers: { 'idempotency-key': 'once' } }));
    const first = await restore();
    await app.call('DELETE', `/api/v1/files/${id}`, as(userId));
    const second = await restore();
    expect([second.headers.get('idempotency-replayed'), second.body.data]).toEqual(['true', first.body.data]);
  });
});

describe('the space', () => {
  it('of somebody without files is empty', async () => {
    expect((await app.call('GET', '/api/v1/files/usage', as(uuidv7()))).body.data).toEqual({
      used: 0,
      limit: 5000,
      count: 0,
    });
  });

  it('of a project’s file is its uploader’s', async () => {
    const userId = uuidv7();
    const projectId = uuidv7();
    projects.roles.set(`${userId}:${projectId}`, 'editor');
    await upload(userId, 'a.txt', projectId);
    expect((await app.call('GET', '/api/v1/files/usage', as(userId))).body.data).toEqual({
      used: 7,
      limit: 5000,
      count: 1,
    });
  });
});
