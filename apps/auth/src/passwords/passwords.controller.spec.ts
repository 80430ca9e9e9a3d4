import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { passwordChanged, queueName, UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { MemoryUserDirectory, startTestApp, type TestApp, type TestReply } from '@nexus/testing';
import { authService } from '../index.js';
import { PasswordHasher } from './password-hasher.service.js';

const PASSWORD = 'a long enough secret';
const NEW = 'another long enough secret';

let app: TestApp;
let db: Database;
let people = 0;
let email: string;
let id: string;
let access: string;

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: { ARGON2_MEMORY_KIB: '64', ARGON2_TIME: '1', RATE_LIMIT_SIGN_IN: '100000', RATE_LIMIT_ANONYMOUS: '100000' },
  });
  db = app.running.app.databases.get('auth');
}, 30_000);

afterAll(async () => {
  await app.stop();
});

beforeEach(async () => {
  people += 1;
  email = `person${people}@example.com`;
  const { body } = await app.call('POST', '/api/v1/auth/register', {
    body: { email, password: PASSWORD, name: 'Person' },
  });
  id = body.data.user.id;
  access = body.data.tokens.access_token;
});

const login = (password: string) => app.call('POST', '/api/v1/auth/login', { body: { email, password } });
const change = (current_password: string, new_password: string, headers: Record<string, string> = {}) =>
  app.call('POST', '/api/v1/auth/password/change', {
    token: access,
    body: { current_password, new_password },
    headers,
  });
const codes = (reply: TestReply) => [
  reply.status,
  ...reply.body.details.map(({ code, field }: { code: string; field?: string }) => `${field}: ${code}`),
];

describe('POST /password/change', () => {
  it('changes the password, ends every other session at once, and lets the caller go on', async () => {
    const others = (await Promise.all([login(PASSWORD), login(PASSWORD)])).map(({ body }) => body.data.tokens);
    expect((await change(PASSWORD, NEW)).status).toBe(204);
    for (const { access_token, refresh_token } of others) {
      expect((await app.call('GET', '/api/v1/auth/sessions', { token: access_token })).status).toBe(401);
      const refreshed = await app.call('POST', '/api/v1/auth/refresh', { body: { refresh_token } });
      expect(codes(refreshed)).toEqual([401, 'undefined: invalid_refresh_token']);
    }
    const own = await app.call('GET', '/api/v1/auth/sessions', { token: access });
    expect([own.status, own.body.page.total]).toEqual([200, 1]);
    expect((await login(PASSWORD)).status).toBe(401);
    expect((await login(NEW)).status).toBe(200);
  });

  it('tells the owner, and writes it down', async () => {
    await change(PASSWORD, NEW);
    const rows = await db.query<{ data: { data: unknown; aggregate: unknown } }>(
      `SELECT data FROM bus.job WHERE name = $1 AND data->'data'->>'user_id' = $2`,
      [queueName(passwordChanged, 'notification'), id],
    );
    expect(rows.map(({ data }) => [data.aggregate, data.data])).toEqual([
      [
        { type: 'account', id, version: 2 },
        { user_id: id, email, address: '127.0.0.1' },
      ],
    ]);
    const records = await db.query(
      `SELECT outcome, actor_id FROM audit.records WHERE action = 'password.change' AND target_id = $1`,
      [id],
    );
    expect(records).toEqual([{ outcome: 'success', actor_id: id }]);
  });

  it('holds the new password against the policy, and lists every fault', async () => {
    expect(codes(await change(PASSWORD, PASSWORD))).toEqual([400, 'new_password: password_unchanged']);
    const local = email.split('@')[0] as string;
    expect(codes(await change(PASSWORD, local))).toEqual([
      400,
      ...(local.length < 10 ? ['new_password: password_too_short'] : []),
      'new_password: password_contains_email',
    ]);
    expect(codes(await change('qwertyuiop', 'qwertyuiop'))).toEqual([
      400,
      'new_password: password_too_common',
      'new_password: password_unchanged',
    ]);
    expect((await login(PASSWORD)).status).toBe(200);
  });

  it('counts wrong current passwords like failed sign-ins', async () => {
    for (let i = 0; i < 10; i++) {
      expect(codes(await change('not the password', NEW))).toEqual([401, 'current_password: invalid_credentials']);
    }
    const refused = await change(PASSWORD, NEW);
    expect(codes(refused)).toEqual([429, 'undefined: too_many_failures']);
    expect(refused.headers.get('retry-after')).toBe('30');
    expect((await login(PASSWORD)).status).toBe(429);
  });

  it('takes no Idempotency-Key, under which a failure would be forgotten', async () => {
    const reply = await change('not the password', NEW, { 'idempotency-key': 'k' });
    expect(codes(reply)).toEqual([400, 'undefined: idempotency_key_not_allowed']);
  });

  it('lets one of two concurrent changes win', async () => {
    const replies = await Promise.all([change(PASSWORD, NEW), change(PASSWORD, `${NEW}, too`)]);
    const statuses = replies.map(({ status }) => status).sort();
    expect([
      [204, 409],
      [204, 401],
    ]).toContainEqual(statuses);
    const won = replies[0]?.status === 204 ? NEW : `${NEW}, too`;
    expect((await login(won)).status).toBe(200);
  });

  it('does not overwrite a password that was changed while the old one was checked', async () => {
    const hasher = app.running.app.nest.get(PasswordHasher, { strict: false });
    const hash = hasher.hash.bind(hasher);
    const spy = jest.spyOn(hasher, 'hash').mockImplementationOnce(async (...args) => {
      await db.query('UPDATE auth.accounts SET password_version = password_version + 1 WHERE id = $1', [id]);
      return hash(...args);
    });
    expect(codes(await change(PASSWORD, NEW))).toEqual([409, 'undefined: conflict']);
    spy.mockRestore();
    expect((await login(PASSWORD)).status).toBe(200);
  });

  it('needs a signed-in caller and a whole body', async () => {
    const anonymous = await app.call('POST', '/api/v1/auth/password/change', {
      body: { current_password: PASSWORD, new_password: NEW },
    });
    expect(codes(anonymous)).toEqual([401, 'undefined: unauthenticated']);
    const empty = await app.call('POST', '/api/v1/auth/password/change', { token: access, body: { x: 1 } });
    expect(codes(empty)).toEqual([400, 'current_password: required', 'new_password: required', 'x: unknown_field']);
  });
});
