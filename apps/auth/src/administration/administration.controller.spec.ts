import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { accountChanged, queueName, UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { uuidv7 } from '@nexus/kernel';
import { MemoryUserDirectory, startTestApp, type TestApp, type TestReply } from '@nexus/testing';
import { authService } from '../index.js';

const PASSWORD = 'a long enough secret';
const ADMIN = { email: 'root@example.com', password: 'the first admin of all' };

interface Person {
  readonly id: string;
  readonly email: string;
  readonly access: string;
  readonly refresh: string;
}

const directory = new MemoryUserDirectory();
let app: TestApp;
let db: Database;
let people = 0;
let admin: Person;
let person: Person;

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: directory }],
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
}, 30_000);

afterAll(async () => {
  await app.stop();
});

beforeEach(async () => {
  await db.query(`UPDATE auth.accounts SET role = 'user' WHERE email <> $1`, [ADMIN.email]);
  await db.query(`UPDATE auth.accounts SET role = 'admin', locked_at = NULL WHERE email = $1`, [ADMIN.email]);
  admin = toPerson(await app.call('POST', '/api/v1/auth/login', { body: ADMIN }));
  person = await register();
});

function toPerson({ body: { data } }: TestReply): Person {
  const { access_token: access, refresh_token: refresh } = data.tokens;
  return { id: data.user.id, email: data.user.email, access, refresh };
}

async function register(): Promise<Person> {
  people += 1;
  const body = { email: `person${people}@example.com`, password: PASSWORD, name: `Person ${people}` };
  return toPerson(await app.call('POST', '/api/v1/auth/register', { body }));
}

const login = ({ email }: Person) => app.call('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } });
const refresh = (token: string) => app.call('POST', '/api/v1/auth/refresh', { body: { refresh_token: token } });
const sessions = (token: string) => app.call('GET', '/api/v1/auth/sessions', { token });
const setRole = (token: string, id: string, role: string, headers: Record<string, string> = {}) =>
  app.call('PUT', `/api/v1/auth/users/${id}/role`, { token, body: { role }, headers });
const act = (token: string, id: string, what: 'lock' | 'unlock', headers: Record<string, string> = {}) =>
  app.call('POST', `/api/v1/auth/users/${id}/${what}`, { token, headers });
const code = (reply: TestReply) => [reply.status, reply.body.details?.[0]?.code];
const roleOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()).role;

describe('the first admin', () => {
  it('is made at the start, and the launcher is told', () => {
    expect(app.running.app.report.get('admin')).toEqual({ email: ADMIN.email, created: true });
    expect(directory.users.get(admin.id)).toMatchObject({ role: 'admin', email_verified: true });
  });
});

describe('PUT /users/{id}/role', () => {
  it('refuses the tokens of the former role at once, and a refresh brings the new one', async () => {
    const other = toPerson(await login(person));
    const reply = await setRole(admin.access, person.id, 'admin');
    expect(reply.status).toBe(200);
    expect(reply.body.data).toEqual({
      id: person.id,
      email: person.email,
      role: 'admin',
      email_verified: false,
      status: 'active',
      locked_at: null,
      version: 2,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    for (const { access, refresh: token } of [person, other]) {
      expect(code(await sessions(access))).toEqual([401, 'session_ended']);
      const fresh = (await refresh(token)).body.data.tokens.access_token;
      expect(roleOf(fresh)).toBe('admin');
      expect((await act(fresh, person.id, 'unlock')).status).toBe(200);
    }
  });

  it('tells the user service at once, and everybody by event', async () => {
    await setRole(admin.access, person.id, 'admin');
    expect(directory.users.get(person.id)).toMatchObject({ role: 'admin', name: `Person ${people}` });
    const rows = await db.query<{ data: { data: unknown; aggregate: unknown } }>(
      `SELECT data FROM bus.job WHERE name = $1 AND data->'data'->>'user_id' = $2`,
      [queueName(accountChanged, 'user'), person.id],
    );
    expect(rows.map(({ data }) => [data.aggregate, data.data])).toEqual([
      [
        { type: 'account', id: person.id, version: 2 },
        { user_id: person.id, email: person.email, role: 'admin', email_verified: false },
      ],
    ]);
    const records = await db.query(
      `SELECT actor_id, details FROM audit.records WHERE action = 'account.role_changed' AND target_id = $1`,
      [person.id],
    );
    expect(records).toEqual([{ actor_id: admin.id, details: { from: 'user', to: 'admin' } }]);
  });

  it('changes nothing when the role is the same', async () => {
    const reply = await setRole(admin.access, person.id, 'user');
    expect([reply.status, reply.body.data.version]).toEqual([200, 1]);
    expect((await sessions(person.access)).status).toBe(200);
  });

  it('honours If-Match', async () => {
    const first = await setRole(admin.access, person.id, 'user');
    const tag = first.headers.get('etag') as string;
    expect((await setRole(admin.access, person.id, 'admin', { 'if-match': tag })).status).toBe(200);
    expect(code(await setRole(admin.access, person.id, 'user', { 'if-match': tag }))).toEqual([412, 'stale_version']);
  });

  it('keeps the last admin who can sign in, also when two remove one another', async () => {
    expect(code(await setRole(admin.access, admin.id, 'user'))).toEqual([409, 'last_admin']);
    expect(code(await act(admin.access, admin.id, 'lock'))).toEqual([409, 'last_admin']);
    for (let round = 0; round < 10; round++) {
      await setRole(admin.access, person.id, 'admin');
      const second = (await refresh(person.refresh)).body.data.tokens;
      person = { ...person, access: second.access_token, refresh: second.refresh_token };
      const [one, two] = await Promise.all([
        setRole(admin.access, person.id, 'user'),
        act(person.access, admin.id, 'lock'),
      ]);
      const [left] = await db.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM auth.accounts WHERE role = 'admin' AND locked_at IS NULL`,
      );
      expect(left?.n).toBe(1);
      expect([one, two].filter(({ status }) => status === 200)).toHaveLength(1);
      await db.query(`UPDATE auth.accounts SET locked_at = NULL WHERE id = $1`, [admin.id]);
      await db.query(`UPDATE auth.accounts SET role = 'user' WHERE id = $1`, [person.id]);
      admin = toPerson(await app.call('POST', '/api/v1/auth/login', { body: ADMIN }));
      person = await register();
    }
  }, 30_000);

  it('never leaves a token with the former role, whenever the session is refreshed', async () => {
    for (let round = 0; round < 20; round++) {
      const target = await register();
      const [changed, ...refreshed] = await Promise.all([
        setRole(admin.access, target.id, 'admin'),
        refresh(target.refresh),
        refresh(target.refresh),
      ]);
      expect(changed.status).toBe(200);
      for (const reply of refreshed) {
        const token = reply.body.data.tokens.access_token;
        const { status } = await sessions(token);
        expect([status, roleOf(token)]).toEqual(status === 200 ? [200, 'admin'] : [401, 'user']);
      }
      await db.query(`UPDATE auth.accounts SET role = 'user' WHERE id = $1`, [target.id]);
    }
  }, 30_000);

  it('is for admins, with a role there is, on an account there is', async () => {
    expect(code(await setRole(person.access, person.id, 'admin'))).toEqual([403, 'forbidden']);
    expect((await setRole('', person.id, 'admin')).status).toBe(401);
    expect((await setRole(admin.access, person.id, 'root')).status).toBe(400);
    expect(code(await setRole(admin.access, uuidv7(), 'admin'))).toEqual([404, 'account_not_found']);
    expect(code(await setRole(admin.access, 'me', 'admin'))).toEqual([400, 'invalid_id']);
  });
});

describe('POST /users/{id}/lock and /unlock', () => {
  it('ends every session at once and lets nobody in, until it is unlocked', async () => {
    const locked = await act(admin.access, person.id, 'lock');
    expect(locked.status).toBe(200);
    expect(locked.body.data).toMatchObject({ version: 2, locked_at: expect.stringMatching(/Z$/) });
    expect(code(await sessions(person.access))).toEqual([401, 'session_ended']);
    expect(code(await refresh(person.refresh))).toEqual([401, 'invalid_refresh_token']);
    expect(code(await login(person))).toEqual([403, 'account_locked']);
    const again = await act(admin.access, person.id, 'lock');
    expect(again.body.data).toEqual(locked.body.data);
    expect((await act(admin.access, person.id, 'unlock')).body.data).toMatchObject({ version: 3, locked_at: null });
    expect((await login(person)).status).toBe(200);
    expect(code(await sessions(person.access))).toEqual([401, 'session_ended']);
    const records = await db.query(
      `SELECT action, actor_id FROM audit.records WHERE target_id = $1 AND action LIKE 'account.%locked' ORDER BY occurred_at, id`,
      [person.id],
    );
    expect(records).toEqual([
      { action: 'account.locked', actor_id: admin.id },
      { action: 'account.unlocked', actor_id: admin.id },
    ]);
  });

  it('forgets failed sign-ins on unlock', async () => {
    for (let i = 0; i < 10; i++) {
      await app.call('POST', '/api/v1/auth/login', { body: { email: person.email, password: 'not the password' } });
    }
    expect(code(await login(person))).toEqual([429, 'too_many_failures']);
    expect((await act(admin.access, person.id, 'unlock')).body.data.version).toBe(1);
    expect((await login(person)).status).toBe(200);
  });

  it('can be repeated with an Idempotency-Key, effective at once', async () => {
    const headers = { 'idempotency-key': `lock ${person.id}` };
    const first = await act(admin.access, person.id, 'lock', headers);
    expect(code(await sessions(person.access))).toEqual([401, 'session_ended']);
    const second = await act(admin.access, person.id, 'lock', headers);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(second.body.data).toEqual(first.body.data);
  });

  it('is for admins', async () => {
    for (const what of ['lock', 'unlock'] as const) {
      expect(code(await act(person.access, admin.id, what))).toEqual([403, 'forbidden']);
      expect(code(await act(admin.access, uuidv7(), what))).toEqual([404, 'account_not_found']);
    }
  });
});
