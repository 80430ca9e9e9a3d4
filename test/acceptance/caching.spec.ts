import { describe, expect, test } from '@jest/globals';
import { times } from './support/chance.js';
import type { Client } from './support/client.js';
import { addMember, administrator, createProject, register, registerMany } from './support/people.js';
import type { Reply } from './support/reply.js';
import type { Notification, Profile, Project } from './support/resources.js';
import { AT_ONCE_MS, eventually } from './support/waiting.js';

/** RFC 9211, as the contract has it. */
const HIT = /^nexus; hit\b.*\bdetail=l[12]\b/;
const MISS = /^nexus; fwd=miss\b/;

const status = (reply: Reply) => reply.required('cache-status');
const project = (id: string) => `/api/v1/projects/${id}`;
const projectOf = async (client: Client, id: string) => (await client.get(project(id))).is(200).data<Project>();

describe('Cache-Status', () => {
  test('the first read is a miss, the next ones are hits', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const first = (await ada.get(project(id))).is(200);
    expect(status(first)).toMatch(MISS);
    for (const _n of times(3)) {
      const again = (await ada.get(project(id))).is(200);
      expect(status(again)).toMatch(HIT);
      expect(again.data()).toEqual(first.data());
      expect(again.header('etag')).toBe(first.header('etag'));
      expect(again.header('content-type')).toBe(first.header('content-type'));
    }
  });

  test('a client may ask for an answer made anew', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    await ada.get(project(id));
    const fresh = (await ada.get(project(id), { headers: { 'cache-control': 'no-cache' } })).is(200);
    expect(status(fresh)).not.toMatch(/\bhit\b/);
  });

  test('that there is nothing to see is kept for a moment, with its own id for each answer', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    const first = (await bob.get(project(id))).fails(404, 'project_not_found');
    const second = (await bob.get(project(id))).fails(404, 'project_not_found');
    expect(status(second)).toMatch(/\bhit\b/);
    expect(second.required('x-request-id')).not.toBe(first.required('x-request-id'));
    await addMember(ada, id, bob.id, 'viewer');
    await eventually(
      () => bob.get(project(id)),
      (reply) => reply.status === 200,
      { withinMs: AT_ONCE_MS, what: 'the project, seen by its new member' },
    );
  });

  test('no other error is kept', async () => {
    const ada = await register();
    for (const _n of times(2)) {
      const refused = (await ada.get('/api/v1/notifications?limit=0')).is(400);
      expect(refused.header('cache-status') ?? '').not.toMatch(/\bhit\b/);
    }
  });

  test('nobody in between may keep what is one person’s', async () => {
    const ada = await register();
    for (const _n of times(2)) {
      const control = (await ada.get('/api/v1/users/me')).required('cache-control');
      expect(control).toMatch(/\b(private|no-store)\b/);
    }
  });
});

describe('one’s own answers', () => {
  test('nobody gets what was answered to somebody else', async () => {
    const people = await registerMany(6);
    for (const _round of times(4)) {
      const mine = await Promise.all(people.map((person) => person.get('/api/v1/users/me')));
      expect(mine.map((reply) => reply.is(200).data<Profile>().id)).toEqual(people.map(({ id }) => id));
      const counts = await Promise.all(people.map((person) => person.get('/api/v1/notifications')));
      for (const reply of counts) reply.is(200);
    }
  });

  test('a kept answer does not open a door', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    for (const _n of times(2)) expect((await ada.get(project(id))).is(200).status).toBe(200);
    (await bob.get(project(id))).fails(404, 'project_not_found');
    (await ada.with(undefined).get(project(id))).is(401);
    (await ada.with('not.a.token').get(project(id))).is(401);
  });

  test('the role of each is their own', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada, { visibility: 'internal' });
    for (const _n of times(2)) {
      expect((await ada.get(project(id))).data<{ role: string }>().role).toBe('owner');
      expect((await bob.get(project(id))).data<{ role: string }>().role).toBe('viewer');
    }
  });

  test('administrators see more, and nobody else does then', async () => {
    const [ada, admin] = await Promise.all([register(), administrator()]);
    const bob = await register();
    for (const _n of times(2)) {
      (await admin.get(`/api/v1/users/${ada.id}`)).is(200);
      expect((await bob.get(`/api/v1/users/${ada.id}`)).is(200).text).not.toContain(ada.email);
    }
  });

  test('an ended session is served nothing, kept or not', async () => {
    const ada = await register();
    for (const _n of times(2)) (await ada.get('/api/v1/users/me')).is(200);
    (await ada.post('/api/v1/auth/logout')).is(204);
    (await ada.get('/api/v1/users/me')).is(401);
  });
});

describe('a write', () => {
  test('is what its writer reads next, every time', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    for (const n of times(30)) {
      (await ada.patch(project(id), { name: `Name ${n}` })).is(200);
      expect((await projectOf(ada, id)).name).toBe(`Name ${n}`);
    }
  });

  test('is what its writer reads next while others fill the cache', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    await addMember(ada, id, bob.id, 'viewer');
    let writing = true;
    const readers = times(3).map(async () => {
      const seen: number[] = [];
      while (writing) seen.push(Number((await bob.get(project(id))).is(200).data<Project>().metadata.n ?? -1));
      return seen;
    });
    for (const n of times(25)) {
      (await ada.patch(project(id), { metadata: { n } })).is(200);
      expect((await projectOf(ada, id)).metadata.n).toBe(n);
    }
    const written = performance.now();
    const last = await eventually(
      () => projectOf(bob, id),
      ({ metadata }) => metadata.n === 24,
      { withinMs: AT_ONCE_MS, what: 'the last write' },
    );
    expect(last.metadata.n).toBe(24);
    expect(performance.now() - written).toBeLessThan(AT_ONCE_MS + 500);
    writing = false;
    for (const seen of await Promise.all(readers)) {
      expect(seen.length).toBeGreaterThan(5);
      expect(new Set(seen).size).toBeGreaterThan(1);
    }
  }, 40_000);

  test('never comes back older than it was', async () => {
    const ada = await register();
    const { id } = await createProject(ada, { metadata: { n: 0 } });
    const writer = (async () => {
      for (const n of times(20)) (await ada.patch(project(id), { metadata: { n: n + 1 } })).is(200);
    })();
    const versions: number[] = [];
    let done = false;
    const finish = (): void => {
      done = true;
    };
    writer.then(finish, finish);
    while (!done) versions.push((await projectOf(ada, id)).version);
    await writer;
    versions.push((await projectOf(ada, id)).version);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(versions.at(-1)).toBe(21);
  });

  test('of one’s profile is seen by oneself at once, by others within a second', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    await Promise.all([
      ada.get('/api/v1/users/me'),
      bob.get(`/api/v1/users/${ada.id}`),
      ada.get(`/api/v1/users/${ada.id}`),
    ]);
    (await ada.patch('/api/v1/users/me', { name: 'Countess Lovelace' })).is(200);
    expect((await ada.get('/api/v1/users/me')).data<Profile>().name).toBe('Countess Lovelace');
    await eventually(
      () => bob.get(`/api/v1/users/${ada.id}`),
      (reply) => reply.is(200).data<Profile>().name === 'Countess Lovelace',
      { withinMs: AT_ONCE_MS, what: 'the new name' },
    );
  });

  test('of a deletion is seen at once', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    await projectOf(ada, id);
    (await ada.delete(project(id))).is(204);
    const gone = await ada.get(project(id));
    if (gone.status === 200) expect(gone.data<Project>().status).toBe('trashed');
    else gone.fails(404, 'project_not_found');
  });
});

describe('membership', () => {
  test('a new member sees, a removed one sees no more', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    (await bob.get(project(id))).is(404);
    for (const _round of times(3)) {
      await addMember(ada, id, bob.id, 'viewer');
      await eventually(
        () => bob.get(project(id)),
        (reply) => reply.status === 200,
        {
          withinMs: AT_ONCE_MS,
          what: 'the project, seen by its new member',
        },
      );
      (await ada.delete(`${project(id)}/members/${bob.id}`)).is(204);
      await eventually(
        () => bob.get(project(id)),
        (reply) => reply.status === 404,
        {
          withinMs: AT_ONCE_MS,
          what: 'the project hidden from who was removed',
        },
      );
    }
  });

  test('another role is shown', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    for (const role of ['viewer', 'editor', 'viewer']) {
      await addMember(ada, id, bob.id, role);
      await eventually(
        () => bob.get(project(id)),
        (reply) => reply.status === 200 && reply.data<{ role: string }>().role === role,
        { withinMs: AT_ONCE_MS, what: `the role ${role}` },
      );
    }
  });

  test('going private hides', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada, { visibility: 'internal' });
    (await bob.get(project(id))).is(200);
    (await ada.patch(project(id), { visibility: 'private' })).is(200);
    await eventually(
      () => bob.get(project(id)),
      (reply) => reply.status === 404,
      {
        withinMs: AT_ONCE_MS,
        what: 'the project hidden',
      },
    );
  });
});

describe('notifications', () => {
  test('the count and the list follow what is read', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(bob);
    const unread = async () => (await ada.get('/api/v1/notifications?unread=true')).is(200).data<Notification[]>();
    await unread();
    await addMember(bob, id, ada.id, 'viewer');
    const isNews = ({ data }: Notification) => data.project_id === id;
    const news = await eventually(unread, (notes) => notes.some(isNews), { withinMs: 5000, what: 'the news' });
    for (const note of news) (await ada.post(`/api/v1/notifications/${note.id}/read`)).is(200);
    expect((await unread()).filter(isNews)).toEqual([]);
    const count = await ada.get('/api/v1/notifications/unread-count');
    expect(count.data()).toEqual({ count: (await unread()).length });
  });
});

describe('If-None-Match', () => {
  test('what has not changed is not sent again', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const etag = (await ada.get(project(id))).required('etag');
    expect(etag).toMatch(/^"[^"]+"$/);
    for (const value of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
      const reply = (await ada.get(project(id), { headers: { 'if-none-match': value } })).is(304);
      expect(reply.header('etag')).toBe(etag);
      expect(reply.bytes).toHaveLength(0);
    }
    (await ada.get(project(id), { headers: { 'if-none-match': '"other"' } })).is(200);
    const head = await ada.head(project(id), { headers: { 'if-none-match': etag } });
    head.is(304);
  });

  test('what has changed is', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const etag = (await ada.get(project(id))).required('etag');
    (await ada.patch(project(id), { name: 'Changed' })).is(200);
    const reply = (await ada.get(project(id), { headers: { 'if-none-match': etag } })).is(200);
    expect(reply.header('etag')).not.toBe(etag);
  });

  test('a tag of one person’s answer is not another’s', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada, { visibility: 'internal' });
    const etag = (await ada.get(project(id))).required('etag');
    const reply = await bob.get(project(id), { headers: { 'if-none-match': etag } });
    // The same project in another role is another answer.
    expect(reply.is(200).data<{ role: string }>().role).toBe('viewer');
  });
});

describe('many who ask at once', () => {
  test('get the same answer, made once', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const replies = await Promise.all(times(40).map(() => ada.get(project(id))));
    const [first] = replies as [Reply];
    for (const reply of replies) {
      expect(reply.is(200).data()).toEqual(first.data());
      expect(reply.header('etag')).toBe(first.header('etag'));
    }
    const made = replies.filter((reply) => !HIT.test(status(reply)));
    expect(made.length).toBeGreaterThanOrEqual(1);
    expect(made.length).toBeLessThan(replies.length / 2);
  });

  test('a failing one among them fails alone', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const { id } = await createProject(ada);
    const replies = await Promise.all(times(30).map((n) => (n % 2 ? ada : bob).get(project(id))));
    expect(replies.map((reply) => reply.status)).toEqual(times(30).map((n) => (n % 2 ? 200 : 404)));
  });

  test('a write in the midst is seen by whoever asks after it', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    for (const n of times(10)) {
      const crowd = times(10).map(() => ada.get(project(id)));
      const write = ada.patch(project(id), { metadata: { n } });
      (await write).is(200);
      const after = await Promise.all(times(5).map(() => projectOf(ada, id)));
      expect(after.map(({ metadata }) => metadata.n)).toEqual([n, n, n, n, n]);
      await Promise.all(crowd);
    }
  });
});
