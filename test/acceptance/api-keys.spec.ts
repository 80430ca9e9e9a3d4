import { beforeAll, describe, expect, test } from '@jest/globals';
import { TIMESTAMP, UUID_V7 } from './support/answer-rules.js';
import { labelled } from './support/cases.js';
import { randomAddress, randomWord, times } from './support/chance.js';
import { anyone, Client } from './support/client.js';
import { EventStream } from './support/event-stream.js';
import { uploadFile } from './support/files.js';
import { administrator, createProject, newAdministrator, type Person, register } from './support/people.js';
import { HOST, lines, sendRaw } from './support/raw-http.js';
import type { Reply } from './support/reply.js';
import type { Profile, Project } from './support/resources.js';
import { AT_ONCE_MS, eventually } from './support/waiting.js';

interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
}

interface NewKey extends ApiKey {
  readonly secret: string;
}

/** Somebody who comes with an API key. */
class KeyHolder extends Client {
  constructor(
    readonly key: NewKey,
    address: string = randomAddress(),
  ) {
    super(undefined, address);
  }

  override get headers(): Record<string, string> {
    return { ...super.headers, 'x-api-key': this.key.secret };
  }
}

const keysPath = '/api/v1/auth/api-keys';
const projects = '/api/v1/projects';
const me = '/api/v1/users/me';
const DAY_MS = 86_400_000;

async function newKey(owner: Client, scopes: readonly string[], fields: object = {}): Promise<KeyHolder> {
  const reply = (await owner.post(keysPath, { name: `Key ${randomWord()}`, scopes, ...fields })).is(201);
  return new KeyHolder(reply.data<NewKey>());
}

const keysOf = async (owner: Client) => (await owner.get(keysPath)).is(200).data<ApiKey[]>();
const remainingOf = (reply: Reply) => Number(reply.required('ratelimit-remaining'));

/** Elsewhere than where it was changed, what a key may do changes within a second. */
const becomes = (client: Client, status: number, what: string, path = projects) =>
  eventually(
    () => client.get(path),
    (reply) => reply.status === status,
    { withinMs: AT_ONCE_MS, what },
  );

let ada: Person;

beforeAll(async () => {
  ada = await register('Ada');
});

describe('making a key', () => {
  test('shows it once, and afterwards how it begins', async () => {
    const owner = await register();
    const expires_at = new Date(Date.now() + DAY_MS).toISOString();
    const scopes = ['projects:read', 'files:read'];
    const reply = (await owner.post(keysPath, { name: ' Export ', scopes, expires_at })).is(201);
    const { secret, ...view } = reply.data<NewKey>();
    expect(secret).toMatch(/^nx_[0-9A-Za-z]{40,}$/);
    expect(view).toMatchObject({ id: expect.stringMatching(UUID_V7), name: 'Export', scopes, expires_at });
    expect(view.created_at).toMatch(TIMESTAMP);
    expect(view.last_used_at).toBeNull();
    expect(secret.startsWith(view.prefix)).toBe(true);
    expect(secret.length - view.prefix.length).toBeGreaterThan(40);
    expect(reply.required('cache-control')).toContain('no-store');
    const listed = (await owner.get(keysPath)).is(200);
    expect(listed.data<ApiKey[]>()).toEqual([view]);
    expect(listed.text).not.toContain(secret.slice(view.prefix.length));
  });

  test.each(
    labelled<Record<string, unknown>>(
      {},
      { name: 'x' },
      { scopes: ['files:read'] },
      { name: '', scopes: ['files:read'] },
      { name: 'x'.repeat(10_000), scopes: ['files:read'] },
      { name: 'a\u0000b', scopes: ['files:read'] },
      { name: 'x', scopes: [] },
      { name: 'x', scopes: 'files:read' },
      { name: 'x', scopes: ['*'] },
      { name: 'x', scopes: ['files:read files:write'] },
      { name: 'x', scopes: ['files:read', null] },
      { name: 'x', scopes: ['files:read'], expires_at: '2020-01-01T00:00:00Z' },
      { name: 'x', scopes: ['files:read'], expires_at: 'tomorrow' },
      { name: 'x', scopes: ['files:read'], role: 'admin' },
    ),
  )('asks for what it needs: %s', async (_label, body) => {
    (await ada.post(keysPath, body)).is(400);
  });

  test('takes no Idempotency-Key', async () => {
    const body = { name: 'x', scopes: ['files:read'] };
    (await ada.post(keysPath, body, { 'idempotency-key': randomWord() })).fails(400, 'idempotency_key_not_allowed');
  });

  test('stops at 50', async () => {
    const owner = await register();
    const body = { name: 'One of many', scopes: ['files:read'] };
    const replies = await Promise.all(times(55).map(() => owner.post(keysPath, body)));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(50);
    for (const reply of replies.filter(({ status }) => status !== 201)) reply.fails(409, 'api_key_limit_reached');
    const [first] = replies.filter(({ status }) => status === 201);
    (await owner.delete(`${keysPath}/${first?.data<NewKey>().id}`)).is(204);
    await newKey(owner, ['files:read']);
  });

  test('and listing and ending one is for its owner', async () => {
    const { key } = await newKey(ada, ['projects:read']);
    const other = await register();
    expect(await keysOf(other)).toEqual([]);
    (await other.delete(`${keysPath}/${key.id}`)).fails(404, 'api_key_not_found');
    (await anyone().get(keysPath)).is(401);
    (await anyone().post(keysPath, { name: 'x', scopes: ['files:read'] })).is(401);
    (await ada.delete(`${keysPath}/not-an-id`)).is(400);
  });

  test('lists page by page', async () => {
    const owner = await register();
    const made: string[] = [];
    for (const _n of times(5)) made.push((await newKey(owner, ['files:read'])).key.id);
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const reply: Reply = await owner.get(keysPath, { query: { limit: 2, ...(cursor ? { cursor } : {}) } });
      expect(reply.is(200).page.total).toBe(5);
      found.push(...reply.data<ApiKey[]>().map(({ id }) => id));
      cursor = reply.page.next_cursor;
    } while (cursor);
    expect(found).toEqual(made.toReversed());
  });
});

describe('a key', () => {
  test('reads what its scopes say, for its owner', async () => {
    const owner = await register();
    const project = await createProject(owner);
    const reader = await newKey(owner, ['projects:read']);
    expect((await reader.get(projects)).is(200).data<Project[]>()).toEqual([project]);
    expect((await reader.get(`${projects}/${project.id}`)).is(200).data<Project>()).toEqual(project);
    (await reader.get(`${projects}/${project.id}/members`)).is(200);
    (await (await newKey(ada, ['projects:read'])).get(`${projects}/${project.id}`)).is(404);
  });

  test('does nothing else', async () => {
    const reader = await newKey(ada, ['projects:read', 'notifications:read']);
    const refused = (await reader.post(projects, { name: 'No' })).fails(403, 'insufficient_scope');
    expect(refused.required('www-authenticate')).toContain('scope="projects:write"');
    for (const path of [me, '/api/v1/files', '/api/v1/files/usage', `/api/v1/users/${ada.id}`])
      (await reader.get(path)).fails(403, 'insufficient_scope');
    (await reader.get('/api/v1/users')).is(403);
    (await reader.post('/api/v1/notifications/read-all')).fails(403, 'insufficient_scope');
    (await reader.get('/api/v1/notifications/unread-count')).is(200);
    (await reader.get('/')).is(200);
  });

  test('never touches credentials, sessions or keys', async () => {
    const scopes = ['profile:read', 'profile:write', 'users:read', 'users:write', 'projects:write', 'files:write'];
    const holder = await newKey(await newAdministrator(), scopes);
    const asks = [
      holder.post(keysPath, { name: 'x', scopes: ['files:read'] }),
      holder.get(keysPath),
      holder.delete(`${keysPath}/${holder.key.id}`),
      holder.get('/api/v1/auth/sessions'),
      holder.delete(`/api/v1/auth/sessions/${holder.key.id}`),
      holder.post('/api/v1/auth/logout'),
      holder.post('/api/v1/auth/logout-all'),
      holder.post('/api/v1/auth/password/change', { current_password: 'x', new_password: 'y' }),
      holder.put(`/api/v1/auth/users/${ada.id}/role`, { role: 'admin' }),
      holder.post(`/api/v1/auth/users/${ada.id}/lock`),
    ];
    for (const reply of await Promise.all(asks)) reply.fails(403, 'api_key_not_accepted');
    expect((await holder.get(me)).is(200).data<Profile>().role).toBe('admin');
  });

  test('writes, once for one Idempotency-Key', async () => {
    const owner = await register();
    const writer = await newKey(owner, ['projects:write', 'projects:read']);
    const headers = { 'idempotency-key': randomWord() };
    const first = (await writer.post(projects, { name: 'Made by a key' }, headers)).is(201);
    const second = (await writer.post(projects, { name: 'Made by a key' }, headers)).is(201);
    expect(second.header('idempotency-replayed')).toBe('true');
    expect(second.data<Project>()).toEqual(first.data<Project>());
    expect((await owner.get(projects)).is(200).data<Project[]>()).toEqual([first.data<Project>()]);
  });

  test('sees what its owner changed, and the other way round', async () => {
    const owner = await register();
    const { id } = await createProject(owner);
    const holder = await newKey(owner, ['projects:write', 'projects:read']);
    for (const n of times(3)) {
      const read = async (client: Client) => (await client.get(`${projects}/${id}`)).is(200).data<Project>().name;
      await Promise.all([read(owner), read(holder)]);
      (await owner.patch(`${projects}/${id}`, { name: `Owner ${n}` })).is(200);
      expect(await read(holder)).toBe(`Owner ${n}`);
      (await holder.patch(`${projects}/${id}`, { name: `Key ${n}` })).is(200);
      expect(await read(owner)).toBe(`Key ${n}`);
    }
  });

  test('uploads and downloads a file', async () => {
    const holder = await newKey(await register(), ['files:write', 'files:read']);
    const { id } = await uploadFile(holder, { content: 'some bytes' });
    expect((await holder.get(`/api/v1/files/${id}/content`)).is(200).text).toBe('some bytes');
  });

  test('is a caller of its own to the limits, at its owner’s tier', async () => {
    const [owner, admin] = [await register(), await newAdministrator()];
    const [one, two] = [await newKey(owner, ['projects:read']), await newKey(owner, ['projects:read'])];
    const before = remainingOf(await owner.get(projects));
    const replies = [await one.get(projects), await two.get(projects), await one.post(projects, {})];
    expect(replies.map((reply) => reply.required('ratelimit-limit'))).toEqual(['1000', '1000', '1000']);
    expect(replies.map(remainingOf)).toEqual([999, 999, 998]);
    expect(remainingOf(await owner.get(projects))).toBe(before - 1);
    const reply = (await (await newKey(admin, ['users:read'])).get('/api/v1/users')).is(200);
    expect(reply.required('ratelimit-limit')).toBe('5000');
  });

  test('tells when it was used last', async () => {
    const owner = await register();
    const holder = await newKey(owner, ['projects:read']);
    (await holder.get(projects)).is(200);
    const [used] = await eventually(
      () => keysOf(owner),
      ([key]) => key?.last_used_at !== null,
      { withinMs: 5_000, what: 'the use is noted' },
    );
    expect(used?.last_used_at).toMatch(TIMESTAMP);
    expect(Math.abs(Date.parse(used?.last_used_at as string) - Date.now())).toBeLessThan(60_000);
  });

  test('is not looked at beside Authorization', async () => {
    const { key } = await newKey(await register(), ['profile:read']);
    const both = await ada.get(me, { headers: { 'x-api-key': key.secret } });
    expect(both.is(200).data<Profile>().id).toBe(ada.id);
    (await ada.get(me, { headers: { 'x-api-key': 'rubbish' } })).is(200);
    (
      await anyone()
        .with('a.b.c')
        .get(me, { headers: { 'x-api-key': key.secret } })
    ).is(401);
  });
});

describe('the end of a key', () => {
  test('counts at once, everywhere', async () => {
    const owner = await register();
    const holder = await newKey(owner, ['projects:read', 'files:read', 'profile:read', 'notifications:read']);
    const paths = [projects, '/api/v1/files', me, '/api/v1/notifications'];
    await Promise.all(paths.map(async (path) => (await holder.get(path)).is(200)));
    (await owner.delete(`${keysPath}/${holder.key.id}`)).is(204);
    for (const path of paths) {
      const reply = await becomes(holder, 401, 'the key has ended', path);
      reply.fails(401, 'api_key_invalid');
    }
    expect(await keysOf(owner)).toEqual([]);
    (await owner.delete(`${keysPath}/${holder.key.id}`)).fails(404, 'api_key_not_found');
    (await owner.get(projects)).is(200);
  });

  test('is that of the streams that were opened with it', async () => {
    const owner = await register();
    const holder = await newKey(owner, ['notifications:read']);
    const stream = await EventStream.open(holder, '/api/v1/notifications/stream');
    try {
      (await owner.delete(`${keysPath}/${holder.key.id}`)).is(204);
      await eventually(
        async () => stream.ended,
        (ended) => ended,
        { withinMs: AT_ONCE_MS, what: 'the stream has ended' },
      );
    } finally {
      stream.close();
    }
  });

  test('comes when it expires', async () => {
    const expires_at = new Date(Date.now() + 3_000).toISOString();
    const holder = await newKey(await register(), ['projects:read'], { expires_at });
    (await holder.get(projects)).is(200);
    const ended = await eventually(
      () => holder.get(projects),
      (reply) => reply.status === 401,
      { withinMs: 3_000 + AT_ONCE_MS, what: 'the key expires' },
    );
    ended.fails(401, 'api_key_invalid');
    expect(Date.now()).toBeGreaterThan(Date.parse(expires_at) - AT_ONCE_MS - 100);
  });

  test('is not that of its owner’s sessions', async () => {
    const owner = await register();
    const holder = await newKey(owner, ['projects:read']);
    (await owner.post('/api/v1/auth/logout-all')).is(204);
    (await holder.get(projects)).is(200);
  });

  test('is for a while that of an owner who is locked or deactivated', async () => {
    const owner = await register();
    const chief = await administrator();
    const holder = await newKey(owner, ['projects:read']);
    for (const [out, back] of [
      [`/api/v1/auth/users/${owner.id}/lock`, `/api/v1/auth/users/${owner.id}/unlock`],
      [`/api/v1/users/${owner.id}/deactivate`, `/api/v1/users/${owner.id}/reactivate`],
    ] as const) {
      (await holder.get(projects)).is(200);
      (await chief.post(out)).is(200);
      (await becomes(holder, 401, `refused after ${out}`)).fails(401, 'api_key_invalid');
      (await chief.post(back)).is(200);
      await eventually(
        () => holder.get(projects),
        (reply) => reply.status === 200,
        { withinMs: 2 * AT_ONCE_MS, what: `taken after ${back}` },
      );
    }
  });

  test('the owner’s role is the key’s, at once', async () => {
    const [owner, chief] = [await register(), await administrator()];
    const holder = await newKey(owner, ['users:read']);
    (await holder.get('/api/v1/users')).fails(403, 'forbidden');
    (await chief.put(`/api/v1/auth/users/${owner.id}/role`, { role: 'admin' })).is(200);
    await becomes(holder, 200, 'it has the new role', '/api/v1/users');
    (await chief.put(`/api/v1/auth/users/${owner.id}/role`, { role: 'user' })).is(200);
    (await becomes(holder, 403, 'it has the former role', '/api/v1/users')).fails(403, 'forbidden');
  });
});

describe('what is no key', () => {
  test.each(
    labelled(
      '',
      'nx_',
      'nx_nobody_has_this',
      `nx_${'0'.repeat(57)}`,
      'x'.repeat(8_000),
      `' OR 1=1 --`,
      '../../etc/passwd',
      'null',
    ),
  )('is refused where somebody is needed, and counts as nobody: %s', async (_label, value) => {
    const client = anyone();
    const headers = { 'x-api-key': value };
    (await client.get(projects, { headers })).fails(401, 'api_key_invalid');
    const reply = (await client.get('/', { headers })).is(200);
    expect([reply.required('ratelimit-limit'), remainingOf(reply)]).toEqual(['100', 98]);
  });

  test('is a changed one, one of a different case, and one said twice', async () => {
    const { key } = await newKey(ada, ['projects:read']);
    const { secret } = key;
    const last = secret.at(-1) === 'a' ? 'b' : 'a';
    for (const value of [secret.slice(0, -1) + last, `${secret}x`, secret.slice(1), secret.toLowerCase()])
      (await anyone().get(projects, { headers: { 'x-api-key': value } })).is(401);
    const head = [`GET ${projects} HTTP/1.1`, `Host: ${HOST}`];
    (await sendRaw(lines(...head, `X-API-Key: ${secret}`))).is(200);
    (await sendRaw(lines(...head, `X-API-Key: ${secret}`, `X-API-Key: ${secret}`))).is(401);
    (await sendRaw(lines(...head, `X-API-Key: ${secret}\xe9`))).is(401);
    (await sendRaw(lines(...head, `Authorization: Bearer ${secret}`))).is(401);
    (await sendRaw(lines(`GET ${projects}?api_key=${secret}&x-api-key=${secret} HTTP/1.1`, head[1] as string))).is(
      400,
      401,
    );
  });

  test('of a megabyte is too large for a header', async () => {
    const head = [`GET ${projects} HTTP/1.1`, `Host: ${HOST}`];
    (await sendRaw(lines(...head, `X-API-Key: nx_${'a'.repeat(1024 * 1024)}`), { readable: false })).is(431);
  });

  test('in great numbers is held off like any newcomer', async () => {
    const client = anyone();
    const guess = () => client.get(projects, { headers: { 'x-api-key': `nx_${randomWord()}` } });
    const replies = await Promise.all(times(130).map(guess));
    expect(replies.filter(({ status }) => status === 401)).toHaveLength(100);
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(30);
  });
});
