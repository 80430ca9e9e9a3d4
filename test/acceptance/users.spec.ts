import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { TIMESTAMP, UUID_V7 } from './support/answer-rules.js';
import { labelled } from './support/cases.js';
import { randomWord, times } from './support/chance.js';
import { anyone, type Client } from './support/client.js';
import { administrator, type Person, register } from './support/people.js';
import type { Reply } from './support/reply.js';
import type { Profile } from './support/resources.js';
import { AT_ONCE_MS, eventually } from './support/waiting.js';

const me = '/api/v1/users/me';
const preferences = '/api/v1/users/me/preferences';
const profile = (reply: Reply) => reply.is(200).data<Profile>();

describe('one’s own profile', () => {
  test('has what the contract names', async () => {
    const ada = await register('Ada Lovelace');
    const own = profile(await ada.get(me));
    expect(Object.keys(own).sort()).toEqual(
      [
        'id',
        'email',
        'name',
        'bio',
        'locale',
        'timezone',
        'phone',
        'avatar_url',
        'status',
        'role',
        'email_verified',
        'version',
        'created_at',
        'updated_at',
      ].sort(),
    );
    expect(own).toMatchObject({
      id: ada.id,
      email: ada.email,
      name: 'Ada Lovelace',
      bio: null,
      phone: null,
      avatar_url: null,
    });
    expect(own).toMatchObject({ status: 'active', role: 'user', email_verified: false, version: 1 });
    expect(own.id).toMatch(UUID_V7);
    expect(own.created_at).toMatch(TIMESTAMP);
  });

  test('can be changed, in part', async () => {
    const ada = await register();
    const change = {
      name: 'Ada King',
      bio: 'Analyst.\nMother.',
      locale: 'en-GB',
      timezone: 'Europe/London',
      phone: '+442071234567',
    };
    const changed = profile(await ada.patch(me, change));
    expect(changed).toMatchObject({ ...change, version: 2 });
    expect(Date.parse(changed.updated_at)).toBeGreaterThanOrEqual(Date.parse(changed.created_at));
    const partly = profile(await ada.patch(me, { bio: null, phone: null }));
    expect(partly).toMatchObject({ ...change, bio: null, phone: null, version: 3 });
    expect(profile(await ada.get(me))).toEqual(partly);
  });

  test.each(
    labelled<[string, unknown]>(
      ['name', ''],
      ['name', null],
      ['name', 'x'.repeat(300)],
      ['name', 7],
      ['locale', 'klingon-in-latin-script-and-more'],
      ['locale', '!!'],
      ['timezone', 'Mars/Olympus'],
      ['timezone', '../../etc'],
      ['phone', '12345'],
      ['phone', '+12'],
      ['bio', { a: 1 }],
      ['bio', 'x'.repeat(100_000)],
      ['email', 'eve@example.test'],
      ['role', 'admin'],
      ['status', 'deactivated'],
      ['id', randomUUID()],
      ['version', 9],
      ['email_verified', true],
      ['created_at', '2000-01-01T00:00:00.000Z'],
    ),
  )('what cannot be changed so is refused: %s', async (_label, [field, value]) => {
    const ada = await register();
    const reply = (await ada.patch(me, { [field]: value })).is(400);
    expect(reply.error.details?.map((detail) => detail.field)).toEqual([field]);
    expect(profile(await ada.get(me)).version).toBe(1);
  });

  test('is nobody else’s', async () => {
    (await anyone().get(me)).is(401);
    (await anyone().patch(me, { name: 'x' })).is(401);
    const [ada, bob] = await Promise.all([register(), register()]);
    (await bob.patch(`/api/v1/users/${ada.id}`, { name: 'x' })).fails(403, 'forbidden');
  });
});

describe('preferences', () => {
  test('are empty at first, and replaced whole', async () => {
    const ada = await register();
    expect((await ada.get(preferences)).is(200).data()).toEqual({});
    const value = { theme: 'dark', sidebarWidth: 240, 'Ünï çode': [1, null, { a: false }], __typename: 'x' };
    expect((await ada.put(preferences, value)).is(200).data()).toEqual(value);
    expect((await ada.get(preferences)).is(200).data()).toEqual(value);
    (await ada.put(preferences, { theme: 'light' })).is(200);
    expect((await ada.get(preferences)).is(200).data()).toEqual({ theme: 'light' });
  });

  test('are bounded, and an object', async () => {
    const ada = await register();
    (await ada.put(preferences, { big: 'x'.repeat(200_000) })).is(400, 413);
    for (const value of [[], 'text', 7, null]) (await ada.put(preferences, value)).is(400);
    expect((await ada.get(preferences)).is(200).data()).toEqual({});
  });

  test('are one’s own', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    (await ada.put(preferences, { of: 'ada' })).is(200);
    expect((await bob.get(preferences)).is(200).data()).toEqual({});
    (await anyone().get(preferences)).is(401);
  });
});

describe('other people', () => {
  test('are seen without what is private', async () => {
    const [ada, bob] = await Promise.all([register('Ada'), register()]);
    (await ada.patch(me, { bio: 'Analyst.', phone: '+442071234567' })).is(200);
    const reply = (await bob.get(`/api/v1/users/${ada.id}`)).is(200);
    expect(reply.data()).toMatchObject({ id: ada.id, name: 'Ada', bio: 'Analyst.' });
    expect(reply.text).not.toContain(ada.email);
    expect(reply.text).not.toContain('+442071234567');
    for (const key of ['email', 'phone', 'role', 'status']) expect(reply.data()).not.toHaveProperty(key);
  });

  test('are not seen by those who are not signed in', async () => {
    const ada = await register();
    (await anyone().get(`/api/v1/users/${ada.id}`)).is(401);
  });

  test('are not there when they are not', async () => {
    const ada = await register();
    (await ada.get(`/api/v1/users/${randomUUID()}`)).fails(404, 'user_not_found');
    (await ada.get('/api/v1/users/not-an-id')).fails(400, 'invalid_id');
  });
});

describe('the list for administrators', () => {
  const listed = async (client: Client, query: Record<string, string | number>) => {
    const reply = (await client.get('/api/v1/users', { query })).is(200);
    return {
      ids: reply
        .data<Profile[]>()
        .map(({ id }) => id)
        .sort(),
      total: reply.page.total,
    };
  };
  const idsOf = (...people: Person[]) => people.map(({ id }) => id).sort();

  test('finds by words, address, role and status, with exact totals', async () => {
    const [admin, clan] = [await administrator(), `clan${randomWord()}`];
    const people = await Promise.all(times(4).map((n) => register(`${clan} Person${n}`)));
    const [one, two, three, four] = people as [Person, Person, Person, Person];
    expect(await listed(admin, { q: clan })).toEqual({ ids: idsOf(...people), total: 4 });
    expect(await listed(admin, { q: clan.slice(0, 12) })).toEqual({ ids: idsOf(...people), total: 4 });
    expect(await listed(admin, { q: `${clan} person2` })).toEqual({ ids: idsOf(three), total: 1 });
    expect(await listed(admin, { email: one.email.toUpperCase() })).toEqual({ ids: idsOf(one), total: 1 });
    (await admin.put(`/api/v1/auth/users/${two.id}/role`, { role: 'admin' })).is(200);
    await eventually(
      () => listed(admin, { q: clan, role: 'admin' }),
      ({ total }) => total === 1,
      {
        withinMs: 5000,
        what: 'the new administrator listed as one',
      },
    );
    expect(await listed(admin, { q: clan, role: 'admin' })).toEqual({ ids: idsOf(two), total: 1 });
    expect((await listed(admin, { q: clan, role: 'user' })).total).toBe(3);
    (await admin.post(`/api/v1/users/${four.id}/deactivate`)).is(200);
    expect((await listed(admin, { q: clan, status: 'active' })).total).toBe(3);
    expect(await listed(admin, { q: clan, status: 'deactivated' })).toEqual({ ids: idsOf(four), total: 1 });
    expect(await listed(admin, { q: clan, status: 'active', role: 'admin', limit: 1 })).toEqual({
      ids: idsOf(two),
      total: 1,
    });
    expect((await listed(admin, { email: 'nobody@example.test' })).total).toBe(0);
  });

  test('is for them alone', async () => {
    (await (await register()).get('/api/v1/users')).fails(403, 'forbidden');
    (await anyone().get('/api/v1/users')).is(401);
  });

  test('they may change a profile', async () => {
    const [admin, ada] = await Promise.all([administrator(), register()]);
    const etag = (await ada.get(me)).required('etag');
    expect(profile(await admin.patch(`/api/v1/users/${ada.id}`, { name: 'By admin' })).name).toBe('By admin');
    await eventually(
      () => ada.get(me),
      (reply) => profile(reply).name === 'By admin',
      { withinMs: AT_ONCE_MS, what: 'the new name' },
    );
    (await admin.patch(`/api/v1/users/${ada.id}`, { name: 'Stale' }, { 'if-match': etag })).fails(412, 'stale_version');
    (await admin.patch(`/api/v1/users/${randomUUID()}`, { name: 'x' })).fails(404, 'user_not_found');
  });
});

describe('deactivating', () => {
  const login = ({ email, password }: Person) => anyone().post('/api/v1/auth/login', { email, password });

  test('shuts out at once, and reactivating lets in again', async () => {
    const [admin, ada] = await Promise.all([administrator(), register()]);
    const other = await ada.signInAgain();
    for (const person of [ada, other]) (await person.get(me)).is(200);
    const done = (await admin.post(`/api/v1/users/${ada.id}/deactivate`)).is(200);
    expect(done.data<Profile>().status).toBe('deactivated');
    for (const person of [ada, other]) {
      await eventually(
        () => person.get(me),
        ({ status }) => status === 401,
        { withinMs: AT_ONCE_MS, what: 'the deactivated person shut out' },
      );
      (await person.post('/api/v1/projects', { name: 'x' })).is(401);
      (await anyone().post('/api/v1/auth/refresh', { refresh_token: person.tokens.refresh_token })).is(401, 403);
    }
    (await login(ada)).is(401, 403);
    (await admin.post(`/api/v1/users/${ada.id}/deactivate`)).is(200);
    expect((await admin.post(`/api/v1/users/${ada.id}/reactivate`)).is(200).data<Profile>().status).toBe('active');
    const back = await eventually(
      () => login(ada),
      ({ status }) => status === 200,
      { withinMs: AT_ONCE_MS, what: 'the person let in again' },
    );
    const { tokens } = back.data<{ tokens: Person['tokens'] }>();
    (await ada.holding(tokens).get(me)).is(200);
    (await ada.get(me)).is(401);
  });

  test('a deactivated person is not shown to others', async () => {
    const [admin, ada, bob] = await Promise.all([administrator(), register(), register()]);
    (await bob.get(`/api/v1/users/${ada.id}`)).is(200);
    (await admin.post(`/api/v1/users/${ada.id}/deactivate`)).is(200);
    await eventually(
      () => bob.get(`/api/v1/users/${ada.id}`),
      ({ status }) => status === 404,
      { withinMs: AT_ONCE_MS, what: 'the person hidden' },
    );
    (await admin.get(`/api/v1/users/${ada.id}`)).is(200);
  });

  test('is for administrators, and not for oneself', async () => {
    const [admin, ada, bob] = await Promise.all([administrator(), register(), register()]);
    (await bob.post(`/api/v1/users/${ada.id}/deactivate`)).fails(403, 'forbidden');
    (await bob.post(`/api/v1/users/${ada.id}/reactivate`)).fails(403, 'forbidden');
    (await admin.post(`/api/v1/users/${admin.id}/deactivate`)).is(409);
    (await admin.post(`/api/v1/users/${randomUUID()}/deactivate`)).fails(404, 'user_not_found');
    (await ada.get(me)).is(200);
  });
});
