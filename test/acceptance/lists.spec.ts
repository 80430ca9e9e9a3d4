import { beforeAll, describe, expect, test } from '@jest/globals';
import { labelled } from './support/cases.js';
import { randomWord, times } from './support/chance.js';
import type { Client } from './support/client.js';
import { administrator, createProject, type Person, register, registerMany } from './support/people.js';
import type { Reply } from './support/reply.js';
import type { Profile, Project, Session } from './support/resources.js';

const projects = '/api/v1/projects';
type Query = Record<string, string | number>;

/** Follows the cursor to the end; `between` runs after each page. */
async function pages(
  client: Client,
  path: string,
  query: Query,
  between?: (page: number) => Promise<void>,
): Promise<Reply[]> {
  const replies: Reply[] = [];
  let cursor: string | null = null;
  do {
    const reply: Reply = (await client.get(path, { query: { ...query, ...(cursor === null ? {} : { cursor }) } })).is(
      200,
    );
    replies.push(reply);
    cursor = reply.page.next_cursor;
    if (cursor !== null) await between?.(replies.length);
    if (replies.length > 200) throw new Error('The list never ends');
  } while (cursor !== null);
  return replies;
}

async function all<T>(client: Client, path: string, query: Query): Promise<T[]> {
  return (await pages(client, path, query)).flatMap((reply) => reply.data<T[]>());
}

const idsOf = (items: readonly { readonly id: string }[]) => items.map(({ id }) => id);

let ada: Person;
let made: Project[];

beforeAll(async () => {
  ada = await register();
  made = [];
  // One name for many: what comes first is then decided by the id alone.
  for (const n of times(25)) {
    made.push(
      await createProject(ada, {
        name: n % 3 === 0 ? 'Twin' : `Name ${String(99 - n)}`,
        tags: n % 5 === 0 ? ['fifth', `n${n}`] : [`n${n}`],
        description: n === 7 ? 'Zebrafinken und Quastenflosser' : null,
        visibility: n % 2 ? 'internal' : 'private',
      }),
    );
  }
});

describe('pages', () => {
  test('hold twenty unless told otherwise', async () => {
    const reply = (await ada.get(projects)).is(200);
    expect(reply.page).toMatchObject({ limit: 20, total: 25 });
    expect(reply.data<Project[]>()).toHaveLength(20);
    expect(reply.page.next_cursor).toEqual(expect.any(String));
  });

  test.each([1, 2, 7, 24, 25, 26, 100])('of %i hold everything exactly once', async (limit) => {
    const replies = await pages(ada, projects, { limit });
    const ids = replies.flatMap((reply) => idsOf(reply.data<Project[]>()));
    expect(ids).toEqual(idsOf(made).reverse());
    expect(replies.every((reply) => reply.page.total === 25 && reply.page.limit === limit)).toBe(true);
    expect(replies).toHaveLength(Math.ceil(25 / limit));
  });

  test.each([
    '0',
    '-1',
    '101',
    '1.5',
    'ten',
    '',
    '9999999999999999999999',
  ])('limit=%s is a bad request', async (limit) => {
    expect((await ada.get(projects, { query: { limit } })).is(400).error.details?.[0]?.field).toBe('limit');
  });

  test('an empty list is a list', async () => {
    const bob = await register();
    const reply = (await bob.get(projects)).is(200);
    expect(reply.data()).toEqual([]);
    expect(reply.page).toEqual({ limit: 20, next_cursor: null, total: 0 });
  });
});

describe('cursors', () => {
  test.each(
    labelled('x', '0', 'null', '%00', 'e30', 'eyJrIjoxfQ', 'a'.repeat(5000), "' OR 1=1 --", 'ünïcode'),
  )('a bad one is a bad request: %s', async (_label, cursor) => {
    (await ada.get(projects, { query: { cursor } })).is(400);
  });

  test('the reason is told', async () => {
    (await ada.get(projects, { query: { cursor: 'bm90LWEtY3Vyc29y' } })).fails(400, 'invalid_cursor');
  });

  test('one that was changed is refused', async () => {
    const { next_cursor } = (await ada.get(`${projects}?limit=2`)).page;
    const cursor = next_cursor as string;
    const middle = cursor.length >> 1;
    const cut = await ada.get(projects, { query: { limit: 2, cursor: cursor.slice(0, middle) } });
    cut.fails(400, 'invalid_cursor');
  });

  test('one of another order or filter is refused', async () => {
    const cursor = (await ada.get(`${projects}?limit=2&sort=name`)).page.next_cursor as string;
    (await ada.get(projects, { query: { limit: 2, sort: '-name', cursor } })).fails(400, 'invalid_cursor');
    (await ada.get(projects, { query: { limit: 2, sort: '-created_at', cursor } })).fails(400, 'invalid_cursor');
    (await ada.get(projects, { query: { limit: 2, sort: 'name', tag: 'fifth', cursor } })).fails(400, 'invalid_cursor');
    (await ada.get(projects, { query: { limit: 3, sort: 'name', cursor } })).is(200);
  });

  test('one of somebody else’s shows nothing of theirs', async () => {
    const cursor = (await ada.get(`${projects}?limit=2`)).page.next_cursor as string;
    const bob = await register();
    const reply = await bob.get(projects, { query: { limit: 2, cursor } });
    if (reply.status === 200) expect(reply.data()).toEqual([]);
    else reply.fails(400, 'invalid_cursor');
  });

  test('nothing that was there is missed or seen twice while others write', async () => {
    const bob = await register();
    const there: Project[] = [];
    for (const n of times(12)) there.push(await createProject(bob, { name: `There ${n}` }));
    const [dropped, ...kept] = there as [Project, ...Project[]];
    const seen = (
      await pages(bob, projects, { limit: 3 }, async (page) => {
        await Promise.all(times(4).map(() => createProject(bob, { name: `New ${page}` })));
        if (page === 1) (await bob.delete(`${projects}/${dropped.id}`)).is(204);
        if (page === 2) (await bob.patch(`${projects}/${kept[0]?.id}`, { name: 'Renamed' })).is(200);
      })
    ).flatMap((reply) => idsOf(reply.data<Project[]>()));
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(idsOf(kept)));
    expect(seen).not.toContain(dropped.id);
  });

  test('totals are exact while others write', async () => {
    const bob = await register();
    const writes = times(30).map(() => createProject(bob));
    const totals: number[] = [];
    let done = false;
    const written = Promise.all(writes).finally(() => {
      done = true;
    });
    while (!done) {
      const reply = (await bob.get(`${projects}?limit=100`)).is(200);
      expect(reply.page.total).toBe(reply.data<Project[]>().length);
      totals.push(reply.page.total);
    }
    await written;
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    expect((await bob.get(projects)).page.total).toBe(30);
  });
});

describe('order', () => {
  test.each([
    ['created_at', (a: Project, b: Project) => a.created_at.localeCompare(b.created_at)],
    ['-created_at', (a: Project, b: Project) => b.created_at.localeCompare(a.created_at)],
    ['updated_at', (a: Project, b: Project) => a.updated_at.localeCompare(b.updated_at)],
    ['-updated_at', (a: Project, b: Project) => b.updated_at.localeCompare(a.updated_at)],
  ])('%s', async (sort, compare) => {
    const items = await all<Project>(ada, projects, { sort, limit: 4 });
    expect(items).toHaveLength(25);
    for (const [i, item] of items.slice(1).entries()) expect(compare(items[i] as Project, item)).toBeLessThanOrEqual(0);
  });

  test('by name, twins included, and back again', async () => {
    const up = await all<Project>(ada, projects, { sort: 'name', limit: 3 });
    const down = await all<Project>(ada, projects, { sort: '-name', limit: 3 });
    expect(new Set(idsOf(up)).size).toBe(25);
    expect(new Set(idsOf(down)).size).toBe(25);
    expect(up.map(({ name }) => name)).toEqual(made.map(({ name }) => name).sort());
    expect(down.map(({ name }) => name)).toEqual(
      made
        .map(({ name }) => name)
        .sort()
        .reverse(),
    );
  });

  test('the newest come first by default', async () => {
    expect(idsOf((await ada.get(`${projects}?limit=3`)).data<Project[]>())).toEqual(idsOf(made).reverse().slice(0, 3));
  });

  test.each(['colour', '-', '', 'name;drop', 'metadata', '--name', 'password'])('%s is no order', async (sort) => {
    expect((await ada.get(projects, { query: { sort } })).is(400).error.details?.[0]?.field).toBe('sort');
  });
});

describe('filters', () => {
  test('by tag, with the exact total', async () => {
    const reply = (await ada.get(projects, { query: { tag: 'fifth', limit: 2 } })).is(200);
    expect(reply.page.total).toBe(5);
    expect(
      (await all<Project>(ada, projects, { tag: 'fifth', limit: 2 })).every(({ tags }) => tags.includes('fifth')),
    ).toBe(true);
    expect((await ada.get(projects, { query: { tag: 'nobody-has-this' } })).page.total).toBe(0);
  });

  test('by visibility', async () => {
    expect((await ada.get(`${projects}?visibility=internal`)).page.total).toBe(12);
    expect((await ada.get(`${projects}?visibility=private`)).page.total).toBe(13);
    (await ada.get(`${projects}?visibility=secret`)).is(400);
  });

  test('by words', async () => {
    const found = (await ada.get(projects, { query: { q: 'zebrafinken' } })).is(200).data<Project[]>();
    expect(idsOf(found)).toEqual([made[7]?.id]);
    expect((await ada.get(projects, { query: { q: 'Quasten' } })).page.total).toBe(1);
    expect((await ada.get(projects, { query: { q: 'twin' } })).page.total).toBe(9);
    expect((await ada.get(projects, { query: { q: 'twin', tag: 'fifth' } })).page.total).toBe(2);
  });

  test.each([
    "'",
    '"',
    '%',
    '_',
    '\\',
    '!',
    '&|!():*',
    'a & b',
    '🦎',
    '   x   ',
    "'; DROP TABLE projects; --",
    ':*',
    '<->',
  ])('whatever is looked for, it is looked for: %s', async (q) => {
    (await ada.get(projects, { query: { q } })).is(200);
  });

  test('words are bounded', async () => {
    (await ada.get(projects, { query: { q: 'x'.repeat(5000) } })).is(400);
    (await ada.get(projects, { query: { q: 'a\u0000b' } })).is(400);
  });

  test('each only once', async () => {
    (await ada.get(`${projects}?limit=2&limit=3`)).is(400);
    (await ada.get(`${projects}?sort=name&sort=-name`)).is(400);
  });
});

describe('other lists', () => {
  test('people, for administrators, page by page', async () => {
    const [admin, tag] = [await administrator(), `clan${randomWord()}`];
    const clan = await Promise.all(times(7).map((n) => register(`Clan ${tag} ${n}`)));
    const found = await all<Profile>(admin, '/api/v1/users', { q: tag, sort: 'name', limit: 3 });
    expect(idsOf(found)).toEqual(idsOf(clan));
    expect((await admin.get('/api/v1/users', { query: { q: tag, limit: 2 } })).page.total).toBe(7);
  });

  test('sessions, page by page', async () => {
    const bob = await register();
    await Promise.all(times(4).map(() => bob.signInAgain()));
    const found = await all<Session>(bob, '/api/v1/auth/sessions', { limit: 2 });
    expect(new Set(idsOf(found)).size).toBe(5);
    expect(found.filter(({ current }) => current)).toHaveLength(1);
  });

  test('members, page by page', async () => {
    const people = await registerMany(5);
    const { id } = await createProject(ada);
    for (const person of people)
      (await ada.put(`${projects}/${id}/members/${person.id}`, { role: 'viewer' })).is(200, 201);
    const found = await all<{ user_id: string }>(ada, `${projects}/${id}/members`, { limit: 2 });
    expect(found.map(({ user_id }) => user_id).sort()).toEqual([ada.id, ...idsOf(people)].sort());
    (await ada.delete(`${projects}/${id}`)).is(204);
  });

  test.each([
    '/api/v1/notifications',
    '/api/v1/files',
    '/api/v1/auth/sessions',
  ])('%s keeps to the same rules', async (path) => {
    (await ada.get(path)).is(200);
    expect((await ada.get(`${path}?limit=1`)).is(200).page.limit).toBe(1);
    (await ada.get(`${path}?limit=101`)).is(400);
    (await ada.get(`${path}?cursor=bm90LWEtY3Vyc29y`)).fails(400, 'invalid_cursor');
    (await ada.get(`${path}?sort=nothing`)).is(400);
    (await ada.get(`${path}?surprise=1`)).is(400);
  });
});
