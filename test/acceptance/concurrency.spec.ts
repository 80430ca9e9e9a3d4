import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { times } from './support/chance.js';
import type { Client } from './support/client.js';
import { uploadFile } from './support/files.js';
import { createProject, register } from './support/people.js';
import type { Reply } from './support/reply.js';
import type { Profile, Project, StoredFile } from './support/resources.js';

const project = (id: string) => `/api/v1/projects/${id}`;
const ifMatch = (etag: string) => ({ 'if-match': etag });
const count = (replies: readonly Reply[], status: number) => replies.filter((reply) => reply.status === status).length;

/** Reads, changes and writes until nobody was in between. @returns how often somebody was */
async function increment(client: Client, path: string): Promise<number> {
  for (let lost = 0; ; lost++) {
    const read = (await client.get(path)).is(200);
    const { n } = read.data<Project>().metadata;
    const reply = await client.patch(path, { metadata: { n: Number(n) + 1 } }, ifMatch(read.required('etag')));
    if (reply.status === 200) return lost;
    reply.fails(412, 'stale_version');
    if (lost > 200) throw new Error('Somebody is always in between');
  }
}

describe('ETag', () => {
  test('is strong, on the answer to a read and to a write', async () => {
    const ada = await register();
    const created = (await ada.post('/api/v1/projects', { name: 'Tagged' })).is(201);
    const { id } = created.data<Project>();
    const read = (await ada.get(project(id))).is(200);
    expect(created.required('etag')).toBe(read.required('etag'));
    const written = (await ada.patch(project(id), { name: 'Changed' }, ifMatch(created.required('etag')))).is(200);
    expect(written.required('etag')).not.toBe(read.required('etag'));
    expect((await ada.get(project(id))).required('etag')).toBe(written.required('etag'));
    for (const reply of [created, read, written]) expect(reply.required('etag')).toMatch(/^"[\x21\x23-\x7e]+"$/);
  });

  test('changes with every change, and counts the version up', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const tags = new Set<string>();
    for (const n of times(5)) {
      const reply = (await ada.patch(project(id), { name: `Version ${n}` })).is(200);
      tags.add(reply.required('etag'));
      expect(reply.data<Project>().version).toBe(n + 2);
    }
    expect(tags.size).toBe(5);
  });
});

describe('If-Match', () => {
  test('a stale one changes nothing', async () => {
    const ada = await register();
    const { id } = await createProject(ada, { name: 'Before' });
    const etag = (await ada.get(project(id))).required('etag');
    (await ada.patch(project(id), { name: 'Meanwhile' })).is(200);
    (await ada.patch(project(id), { name: 'Too late' }, ifMatch(etag))).fails(412, 'stale_version');
    (await ada.delete(project(id), ifMatch(etag))).fails(412, 'stale_version');
    expect((await ada.get(project(id))).data<Project>()).toMatchObject({
      name: 'Meanwhile',
      version: 2,
      status: 'active',
    });
  });

  test.each([
    ['one that never was', '"never"'],
    ['no tag', 'never'],
    ['a weak one', 'weak'],
    ['an empty one', '""'],
  ])('%s does not match', async (_what, value) => {
    const ada = await register();
    const { id } = await createProject(ada);
    const etag = (await ada.get(project(id))).required('etag');
    const reply = await ada.patch(project(id), { name: 'x' }, ifMatch(value === 'weak' ? `W/${etag}` : value));
    reply.is(412, 400);
    expect((await ada.get(project(id))).data<Project>().version).toBe(1);
  });

  test('a list with the right one matches, and so does a star', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const etag = (await ada.get(project(id))).required('etag');
    (await ada.patch(project(id), { name: 'Listed' }, ifMatch(`"other", ${etag}`))).is(200);
    (await ada.patch(project(id), { name: 'Starred' }, ifMatch('*'))).is(200);
  });

  test('does not tell what one may not see', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    (await bob.patch(project(id), { name: 'x' }, ifMatch('"never"'))).is(404);
    (await bob.patch(project(randomUUID()), { name: 'x' }, ifMatch('*'))).is(404);
  });

  test('a validation fault comes before a stale tag can be told', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    (await ada.patch(project(id), { name: '' }, ifMatch('"never"'))).is(400);
  });
});

describe('twenty writers', () => {
  test('with the same tag: one wins', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const etag = (await ada.get(project(id))).required('etag');
    const replies = await Promise.all(
      times(20).map((n) => ada.patch(project(id), { name: `Writer ${n}` }, ifMatch(etag))),
    );
    expect([count(replies, 200), count(replies, 412)]).toEqual([1, 19]);
    const winner = replies.findIndex(({ status }) => status === 200);
    const stored = (await ada.get(project(id))).data<Project>();
    expect(stored).toMatchObject({ name: `Writer ${winner}`, version: 2 });
  });

  test('who each read before they write: no update is lost', async () => {
    const ada = await register();
    const { id } = await createProject(ada, { metadata: { n: 0 } });
    const lost = await Promise.all(times(20).map(() => increment(ada, project(id))));
    expect((await ada.get(project(id))).data<Project>()).toMatchObject({ metadata: { n: 20 }, version: 21 });
    expect(Math.max(...lost)).toBeGreaterThan(0);
  }, 60_000);

  test('without a tag: all are taken, one after the other', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const replies = await Promise.all(times(20).map((n) => ada.patch(project(id), { name: `Writer ${n}` })));
    expect(count(replies, 200)).toBe(20);
    const versions = replies.map((reply) => reply.data<Project>().version).sort((a, b) => a - b);
    expect(versions).toEqual(times(20).map((n) => n + 2));
  });

  test('of one’s own profile', async () => {
    const ada = await register();
    const me = '/api/v1/users/me';
    const etag = (await ada.get(me)).required('etag');
    const replies = await Promise.all(times(20).map((n) => ada.patch(me, { bio: `Bio ${n}` }, ifMatch(etag))));
    expect([count(replies, 200), count(replies, 412)]).toEqual([1, 19]);
    const winner = replies.find(({ status }) => status === 200);
    expect((await ada.get(me)).data<Profile>().bio).toBe(winner?.data<Profile>().bio);
  });

  test('of one’s own preferences', async () => {
    const ada = await register();
    const path = '/api/v1/users/me/preferences';
    (await ada.put(path, { n: -1 })).is(200);
    const etag = (await ada.get(path)).required('etag');
    const replies = await Promise.all(times(20).map((n) => ada.put(path, { n }, ifMatch(etag))));
    expect([count(replies, 200), count(replies, 412)]).toEqual([1, 19]);
  });

  test('of the name of a file', async () => {
    const ada = await register();
    const { id } = await uploadFile(ada, { content: 'x' });
    const path = `/api/v1/files/${id}`;
    const etag = (await ada.get(path)).required('etag');
    const replies = await Promise.all(times(20).map((n) => ada.patch(path, { name: `n${n}.txt` }, ifMatch(etag))));
    expect([count(replies, 200), count(replies, 412)]).toEqual([1, 19]);
    expect((await ada.get(path)).data<StoredFile>().version).toBe(2);
  });
});

describe('deleting at the same time', () => {
  test('one does it', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const etag = (await ada.get(project(id))).required('etag');
    const replies = await Promise.all(times(8).map(() => ada.delete(project(id), ifMatch(etag))));
    expect(count(replies, 204)).toBe(1);
    for (const reply of replies) reply.is(204, 404, 409, 412);
  });
});
