import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { isApiKey, Roles, Scopes } from '@nexus/auth-guards';
import { defineService } from '@nexus/bootstrap';
import { UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { Caller, Endpoint } from '@nexus/http';
import { type UserActor, uuidv7 } from '@nexus/kernel';
import {
  eventually,
  MemoryUserDirectory,
  startTestApp,
  type TestApp,
  type TestReply,
  testServiceContext,
} from '@nexus/testing';
import { z } from 'zod';
import { LocalSessions } from '../adapters/sessions.local.js';
import { AuthHousekeeping } from '../housekeeping/housekeeping.service.js';
import { authService } from '../index.js';
import { AccessTokens } from '../keys/access-tokens.service.js';
import { AuthClock } from '../time/auth-clock.service.js';

const PASSWORD = 'a long enough secret';
const ADMIN = { email: 'root@example.com', password: 'the first admin of all' };
const DAY = 86_400_000;
const keysPath = '/api/v1/auth/api-keys';
const seen = z.object({ id: z.string(), role: z.string(), key: z.string().nullable() });

/** Stands for the routes of the other services. */
@Controller('api/v1/things')
class ThingsController {
  @Scopes('files:read')
  @Endpoint('GET', '', { operation: 'readThings', summary: 'Read', response: seen })
  read(@Caller() { id, role, keyId }: UserActor) {
    return { id, role, key: keyId ?? null };
  }

  @Scopes('files:write')
  @Endpoint('PUT', '', { operation: 'writeThings', summary: 'Write' })
  async write(): Promise<void> {}

  @Roles('admin')
  @Scopes('files:read')
  @Endpoint('GET', 'all', { operation: 'readAllThings', summary: 'For admins' })
  async all(): Promise<void> {}
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

interface Person {
  readonly id: string;
  readonly token: string;
}

let app: TestApp;
let db: Database;
let admin: Person;
let person: Person;
let people = 0;

beforeAll(async () => {
  app = await startTestApp({
    services: [authService, defineService({ name: 'file', port: 0, module: async () => ThingsModule })],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: {
      ARGON2_MEMORY_KIB: '64',
      ARGON2_TIME: '1',
      RATE_LIMIT_SIGN_IN: '100000',
      RATE_LIMIT_ANONYMOUS: '100000',
      RATE_LIMIT_USER: '100000',
      ADMIN_EMAIL: ADMIN.email,
      ADMIN_PASSWORD: ADMIN.password,
    },
  });
  db = app.running.app.databases.get('auth');
  admin = toPerson(await app.call('POST', '/api/v1/auth/login', { body: ADMIN }));
}, 30_000);

afterAll(() => app.stop());

beforeEach(async () => {
  person = await register();
});

function toPerson({ body: { data } }: TestReply): Person {
  return { id: data.user.id, token: data.tokens.access_token };
}

async function register(): Promise<Person> {
  people += 1;
  const body = { email: `person${people}@example.com`, password: PASSWORD, name: `Person ${people}` };
  return toPerson(await app.call('POST', '/api/v1/auth/register', { body }));
}

const asking = { name: 'Export', scopes: ['files:read'] };
const create = (body: unknown = asking, { token } = person, headers: Record<string, string> = {}) =>
  app.call('POST', keysPath, { token, body, headers });
const list = (query = '', { token } = person) => app.call('GET', `${keysPath}${query}`, { token });
const revoke = (id: string, { token } = person) => app.call('DELETE', `${keysPath}/${id}`, { token });
const use = (secret: string, path = '/api/v1/things', method = 'GET') =>
  app.call(method, path, { headers: { 'x-api-key': secret } });
const code = (reply: TestReply) => [reply.status, reply.body.details?.[0]?.code];
const invalid = [401, 'api_key_invalid'];
const lock = (what: 'lock' | 'unlock') =>
  app.call('POST', `/api/v1/auth/users/${person.id}/${what}`, { token: admin.token });

async function newKey(body: unknown = asking): Promise<{ id: string; secret: string }> {
  return (await create(body)).body.data;
}

/** Those who were refused are refused without asking for a second. */
const works = (secret: string) =>
  eventually(async () => (await use(secret)).status === 200, 'the key is taken again').then(() => true);

describe('POST /api-keys', () => {
  it('makes a key and shows it once', async () => {
    const expires_at = new Date(Date.now() + DAY).toISOString();
    const scopes = ['projects:read', 'files:read', 'projects:read'];
    const reply = await create({ name: '  Nightly export ', scopes, expires_at });
    expect(reply.status).toBe(201);
    const { secret, ...view } = reply.body.data;
    expect(isApiKey(secret)).toBe(true);
    expect(view).toEqual({
      id: expect.any(String),
      name: 'Nightly export',
      prefix: secret.slice(0, 11),
      scopes: ['projects:read', 'files:read'],
      created_at: expect.stringMatching(/Z$/),
      expires_at,
      last_used_at: null,
    });
    expect(reply.headers.get('location')).toBe(`${keysPath}/${view.id}`);
    expect(reply.headers.get('cache-control')).toContain('no-store');
    const listed = await list();
    expect(listed.body.data).toEqual([view]);
    expect(listed.text).not.toContain(secret);
    const kept = await db.query('SELECT row_to_json(key)::text AS row FROM auth.api_keys key WHERE id = $1', [view.id]);
    const records = await db.query(
      `SELECT actor_id, target_type, outcome, details FROM audit.records WHERE action = 'api_key.created' AND target_id = $1`,
      [view.id],
    );
    const details = { name: view.name, prefix: view.prefix, scopes: 'projects:read files:read', expires_at };
    expect(records).toEqual([{ actor_id: person.id, target_type: 'api_key', outcome: 'success', details }]);
    expect(JSON.stringify([kept, records])).not.toContain(secret.slice(11, 30));
  });

  it.each<[string, unknown, string]>([
    ['no name', { scopes: ['files:read'] }, 'name'],
    ['an empty name', { ...asking, name: '  ' }, 'name'],
    ['a long name', { ...asking, name: 'x'.repeat(101) }, 'name'],
    ['a name of two lines', { ...asking, name: 'a\nb' }, 'name'],
    ['no scopes', { name: 'x' }, 'scopes'],
    ['an empty list of scopes', { ...asking, scopes: [] }, 'scopes'],
    ['a scope that is none', { ...asking, scopes: ['files:read', 'everything'] }, 'scopes.1'],
    ['many scopes', { ...asking, scopes: Array(1000).fill('files:read') }, 'scopes'],
    ['a past expiry', { ...asking, expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    ['an expiry that is no time', { ...asking, expires_at: '2030-02-30T00:00:00Z' }, 'expires_at'],
    ['an expiry without a zone', { ...asking, expires_at: '2030-01-01T00:00:00' }, 'expires_at'],
    ['an expiry that is a number', { ...asking, expires_at: 1 }, 'expires_at'],
    ['another field', { ...asking, secret: 'nx_mine' }, 'secret'],
  ])('refuses %s', async (_what, body, field) => {
    const reply = await create(body);
    expect([reply.status, reply.body.details[0].field]).toEqual([400, field]);
    expect((await list()).body.page.total).toBe(0);
  });

  it('takes a name and an expiry at their bounds', async () => {
    const reply = await create({ ...asking, name: '✓'.repeat(100), expires_at: '9999-12-31T23:59:59.999999Z' });
    expect([reply.status, reply.body.data.expires_at]).toEqual([201, '9999-12-31T23:59:59.999Z']);
    expect((await use(reply.body.data.secret)).status).toBe(200);
  });

  it('takes no Idempotency-Key, because the answer holds a secret', async () => {
    expect(code(await create(asking, person, { 'idempotency-key': 'one' }))).toEqual([
      400,
      'idempotency_key_not_allowed',
    ]);
  });

  it('makes at most 50 that have not expired, however many ask at once', async () => {
    const replies = await Promise.all(Array.from({ length: 60 }, () => create()));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(50);
    for (const reply of replies.filter(({ status }) => status !== 201))
      expect(code(reply)).toEqual([409, 'api_key_limit_reached']);
    expect((await list('?limit=100')).body.page.total).toBe(50);
    await db.query(`UPDATE auth.api_keys SET expires_at = now() WHERE user_id = $1 AND id = $2`, [
      person.id,
      replies.find(({ status }) => status === 201)?.body.data.id,
    ]);
    expect((await create()).status).toBe(201);
    expect((await create()).status).toBe(409);
    expect((await list('?limit=100')).body.page.total).toBe(51);
  }, 30_000);

  it('is for people who are signed in, and not for keys', async () => {
    const { id, secret } = await newKey({ name: 'All', scopes: ['files:read', 'profile:write', 'users:write'] });
    const refused = [403, 'api_key_not_accepted'];
    expect(code(await app.call('POST', keysPath, { headers: { 'x-api-key': secret }, body: asking }))).toEqual(refused);
    for (const [method, path] of [
      ['GET', keysPath],
      ['DELETE', `${keysPath}/${id}`],
      ['GET', '/api/v1/auth/sessions'],
      ['POST', '/api/v1/auth/logout'],
      ['POST', '/api/v1/auth/logout-all'],
      ['POST', '/api/v1/auth/password/change'],
    ] as const)
      expect([path, ...code(await use(secret, path, method))]).toEqual([path, ...refused]);
    expect((await app.call('POST', keysPath, { body: asking })).status).toBe(401);
    expect((await use(secret)).status).toBe(200);
  });
});

describe('GET /api-keys', () => {
  it('shows the caller’s own, page by page', async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await newKey()).id);
    const other = await register();
    expect((await list('', other)).body).toMatchObject({ data: [], page: { total: 0, next_cursor: null } });
    const found: string[] = [];
    let query = '?limit=2';
    for (let page = 0; page < 3; page++) {
      const { body } = await list(query);
      expect(body.page.total).toBe(5);
      found.push(...body.data.map(({ id }: { id: string }) => id));
      query = `?limit=2&cursor=${body.page.next_cursor}`;
    }
    expect(found).toEqual(ids.toReversed());
    expect((await list('?sort=created_at')).body.data.map(({ id }: { id: string }) => id)).toEqual(ids);
    for (const wrong of ['?cursor=x', '?limit=0', '?limit=101', '?sort=name', '?user_id=1'])
      expect((await list(wrong)).status).toBe(400);
  });

  it('tells when a key was used last, to a minute', async () => {
    const { id, secret } = await newKey();
    const before = Date.now();
    expect((await use(secret)).status).toBe(200);
    const lastUsed = async () => (await list()).body.data.find((key: { id: string }) => key.id === id).last_used_at;
    await eventually(async () => (await lastUsed()) !== null, 'the use is noted');
    expect(Math.abs(Date.parse(await lastUsed()) - before)).toBeLessThan(5_000);
  });
});

describe('DELETE /api-keys/{id}', () => {
  it('ends the key before it answers', async () => {
    const [gone, stays] = [await newKey(), await newKey()];
    for (const { secret } of [gone, stays]) expect((await use(secret)).status).toBe(200);
    expect((await revoke(gone.id)).status).toBe(204);
    expect(code(await use(gone.secret))).toEqual(invalid);
    expect((await use(stays.secret)).status).toBe(200);
    expect(code(await revoke(gone.id))).toEqual([404, 'api_key_not_found']);
    const records = await db.query(
      `SELECT actor_id, details->>'name' AS name FROM audit.records WHERE action = 'api_key.revoked' AND target_id = $1`,
      [gone.id],
    );
    expect(records).toEqual([{ actor_id: person.id, name: 'Export' }]);
  });

  it('is for the owner alone', async () => {
    const { id, secret } = await newKey();
    expect(code(await revoke(id, await register()))).toEqual([404, 'api_key_not_found']);
    expect(code(await revoke(id, admin))).toEqual([404, 'api_key_not_found']);
    expect(code(await revoke(uuidv7()))).toEqual([404, 'api_key_not_found']);
    expect(code(await revoke('mine'))).toEqual([400, 'invalid_id']);
    expect((await use(secret)).status).toBe(200);
  });

  it('lets nobody in afterwards, however the key is used meanwhile', async () => {
    for (let round = 0; round < 25; round++) {
      const { id, secret } = await newKey();
      if (round % 2) await use(secret);
      const [ended] = await Promise.all([revoke(id), ...Array.from({ length: 6 }, () => use(secret))]);
      expect(ended.status).toBe(204);
      const after = await Promise.all(Array.from({ length: 4 }, () => use(secret)));
      expect(after.map(code)).toEqual(after.map(() => invalid));
    }
  }, 30_000);
});

describe('a token for a key', () => {
  /** Has something happen after the key was read and before its token is given. */
  function whileSigning(happen: () => Promise<TestReply>): void {
    const tokens = app.running.app.nest.get(AccessTokens, { strict: false });
    const issue = tokens.issue.bind(tokens);
    const spy = jest.spyOn(tokens, 'issue').mockImplementation(async (grant) => {
      const token = await issue(grant);
      if (grant.keyId === undefined) return token;
      spy.mockRestore();
      expect((await happen()).status).toBeLessThan(300);
      return token;
    });
  }

  it('does not count when the key ends before it is given', async () => {
    const { id, secret } = await newKey();
    whileSigning(() => revoke(id));
    expect(code(await use(secret))).toEqual(invalid);
  });

  it('does not count when its owner is locked before it is given', async () => {
    const { secret } = await newKey();
    whileSigning(() => lock('lock'));
    expect(code(await use(secret))).toEqual(invalid);
  });

  it('has the new role when that changes before it is given', async () => {
    const { secret } = await newKey();
    const body = { role: 'admin' };
    whileSigning(() => app.call('PUT', `/api/v1/auth/users/${person.id}/role`, { token: admin.token, body }));
    expect((await use(secret)).body.data.role).toBe('admin');
  });
});

describe('a key', () => {
  it('acts for its owner, with the scopes that it has', async () => {
    const { id, secret } = await newKey();
    expect((await use(secret)).body.data).toEqual({ id: person.id, role: 'user', key: id });
    expect(code(await use(secret, '/api/v1/things', 'PUT'))).toEqual([403, 'insufficient_scope']);
    expect(code(await use(secret, '/api/v1/things/all'))).toEqual([403, 'forbidden']);
    expect((await app.call('PUT', '/api/v1/things', { token: person.token })).status).toBe(204);
  });

  it('has its owner’s new role at once', async () => {
    const { secret } = await newKey();
    expect((await use(secret, '/api/v1/things/all')).status).toBe(403);
    const setRole = (role: string) =>
      app.call('PUT', `/api/v1/auth/users/${person.id}/role`, { token: admin.token, body: { role } });
    expect((await setRole('admin')).status).toBe(200);
    expect((await use(secret, '/api/v1/things/all')).status).toBe(204);
    expect((await setRole('user')).status).toBe(200);
    expect(code(await use(secret, '/api/v1/things/all'))).toEqual([403, 'forbidden']);
    expect((await use(secret)).body.data.role).toBe('user');
  });

  it('never has the former role after a change was answered', async () => {
    const { secret } = await newKey();
    for (let round = 0; round < 20; round++) {
      const role = round % 2 ? 'user' : 'admin';
      const [changed] = await Promise.all([
        app.call('PUT', `/api/v1/auth/users/${person.id}/role`, { token: admin.token, body: { role } }),
        ...Array.from({ length: 4 }, () => use(secret)),
      ]);
      expect(changed.status).toBe(200);
      expect((await use(secret)).body.data.role).toBe(role);
    }
  }, 30_000);

  it('is refused while its owner is locked, and taken again afterwards', async () => {
    const { secret } = await newKey();
    expect((await use(secret)).status).toBe(200);
    expect((await lock('lock')).status).toBe(200);
    expect(code(await use(secret))).toEqual(invalid);
    expect((await lock('unlock')).status).toBe(200);
    expect(await works(secret)).toBe(true);
  });

  it('is refused while its owner is deactivated, also one that nobody has used yet', async () => {
    const [used, unused] = [await newKey(), await newKey()];
    expect((await use(used.secret)).status).toBe(200);
    const apply = (status: 'active' | 'deactivated', version: number) =>
      app.running.app.nest
        .get(LocalSessions, { strict: false })
        .applyStatus(testServiceContext('user'), { user_id: person.id, status, version });
    await apply('deactivated', 2);
    for (const { secret } of [used, unused]) expect(code(await use(secret))).toEqual(invalid);
    await apply('active', 3);
    for (const { secret } of [used, unused]) expect(await works(secret)).toBe(true);
  });

  it('goes with its owner’s account', async () => {
    const { secret } = await newKey();
    await db.query('DELETE FROM auth.accounts WHERE id = $1', [person.id]);
    expect(code(await use(secret))).toEqual(invalid);
  });

  it('outlives the sessions and the password of its owner', async () => {
    const { secret } = await newKey();
    const body = { current_password: PASSWORD, new_password: 'another long enough secret' };
    expect((await app.call('POST', '/api/v1/auth/password/change', { token: person.token, body })).status).toBe(204);
    expect((await app.call('POST', '/api/v1/auth/logout-all', { token: person.token })).status).toBe(204);
    expect((await use(secret)).status).toBe(200);
  });

  it('is refused once it has expired, whoever finds out, the edge or a service', async () => {
    const { secret } = await newKey({ ...asking, expires_at: new Date(Date.now() + 3_000).toISOString() });
    expect((await use(secret)).status).toBe(200);
    const refused: Awaited<ReturnType<typeof use>>[] = [];
    await eventually(async () => {
      const reply = await use(secret);
      if (reply.status !== 200) refused.push(reply);
      return refused.length > 0;
    }, 'it expires');
    expect(code(refused[0] as (typeof refused)[0])).toEqual(invalid);
    expect(code(await use(secret))).toEqual(invalid);
  });

  it('is shown for 30 days after it has expired, and then removed', async () => {
    const { id } = await newKey({ ...asking, expires_at: new Date(Date.now() + 60_000).toISOString() });
    const clock = app.running.app.nest.get(AuthClock, { strict: false });
    const totalAfter = async (ms: number) => {
      const spy = jest.spyOn(clock, 'now').mockImplementation(() => Date.now() + ms);
      await app.running.app.nest.get(AuthHousekeeping, { strict: false }).round();
      spy.mockRestore();
      return (await db.query('SELECT 1 FROM auth.api_keys WHERE id = $1', [id])).length;
    };
    expect([await totalAfter(30 * DAY), await totalAfter(30 * DAY + 120_000)]).toEqual([1, 0]);
  });
});
