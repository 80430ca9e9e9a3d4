import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { accountRegistered, queueName, UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { MemoryUserDirectory, startTestApp, type TestApp, type TestReply } from '@nexus/testing';
import { authService } from '../index.js';
import { AuthClock } from '../time/auth-clock.service.js';

const PASSWORD = 'a long enough secret';
const directory = new MemoryUserDirectory();
let app: TestApp;
let db: Database;
let people = 0;

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: directory }],
    env: { ARGON2_MEMORY_KIB: '64', ARGON2_TIME: '1', RATE_LIMIT_SIGN_IN: '100000', RATE_LIMIT_ANONYMOUS: '100000' },
  });
  db = app.running.app.databases.get('auth');
}, 30_000);

afterAll(async () => {
  await app.stop();
});

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<TestReply> {
  return app.call('POST', `/api/v1/auth/${path}`, { body, headers });
}

async function register(): Promise<{ email: string; id: string; reply: TestReply }> {
  people += 1;
  const email = `person${people}@example.com`;
  const reply = await post('register', { email, password: PASSWORD, name: `Person ${people}` });
  expect(reply.status).toBe(201);
  return { email, id: reply.body.data.user.id, reply };
}

const login = (email: string, password: string = PASSWORD) => post('login', { email, password });
const codesOf = (reply: TestReply) =>
  reply.body.details.map(({ code, field }: { code: string; field: string }) => `${field}: ${code}`);

async function audited(action: string, target: string): Promise<Record<string, unknown>[]> {
  return db.query(
    `SELECT outcome, actor_id, target_type, target_id, details FROM audit.records
     WHERE action = $1 AND (target_id = $2 OR details->>'account' = $2) ORDER BY occurred_at, id`,
    [action, target],
  );
}

/** Moves the service's time for the work. */
async function later<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const clock = app.running.app.nest.get(AuthClock, { strict: false });
  const spy = jest.spyOn(clock, 'now').mockImplementation(() => Date.now() + ms);
  try {
    return await work();
  } finally {
    spy.mockRestore();
  }
}

describe('POST /register', () => {
  it('makes an account, a session and a profile', async () => {
    const reply = await post('register', { email: ' Ada@Example.com', password: PASSWORD, name: ' Ada Lovelace ' });
    expect(reply.status).toBe(201);
    const { user, tokens } = reply.body.data;
    expect(user).toMatchObject({
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      role: 'user',
      email_verified: false,
      status: 'active',
      version: 1,
    });
    expect(Object.keys(tokens).sort()).toEqual([
      'access_token',
      'expires_in',
      'refresh_expires_in',
      'refresh_token',
      'token_type',
    ]);
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 900, refresh_expires_in: 30 * 86_400 });
    expect(reply.headers.get('location')).toBe(`/api/v1/users/${user.id}`);
    expect(reply.headers.get('cache-control')).toBe('no-store');
    expect(directory.users.get(user.id)).toMatchObject({ email: 'ada@example.com', name: 'Ada Lovelace' });
    expect((await app.call('GET', '/api/v1/auth/sessions', { token: tokens.access_token })).status).toBe(200);
    const [row] = await db.query<{ password_hash: string }>('SELECT password_hash FROM auth.accounts WHERE id = $1', [
      user.id,
    ]);
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
    expect(await audited('account.registered', user.id)).toMatchObject([{ outcome: 'success', actor_id: user.id }]);
    expect(await audited('session.start', user.id)).toMatchObject([{ outcome: 'success', actor_id: user.id }]);
  });

  it('writes the event with the account, once per subscriber', async () => {
    const { id, email } = await register();
    for (const subscriber of accountRegistered.subscribers) {
      const rows = await db.query<{ data: { data: unknown; aggregate: unknown } }>(
        `SELECT data FROM bus.job WHERE name = $1 AND data->'data'->>'user_id' = $2`,
        [queueName(accountRegistered, subscriber), id],
      );
      expect(rows.map(({ data }) => [data.aggregate, data.data])).toEqual([
        [
          { type: 'account', id, version: 1 },
          { user_id: id, email, role: 'user', email_verified: false, name: expect.any(String) },
        ],
      ]);
    }
  });

  it('lists every fault at once', async () => {
    expect(codesOf(await post('register', {}))).toEqual(['email: required', 'password: required', 'name: required']);
    const reply = await post('register', { email: 'dragon', password: 'dragon', name: '', admin: true });
    expect(reply.status).toBe(400);
    expect(codesOf(reply).sort()).toEqual([
      'admin: unknown_field',
      'email: invalid_format',
      'name: too_small',
      'password: password_contains_email',
      'password: password_too_common',
      'password: password_too_short',
    ]);
    expect(codesOf(await post('register', { email: 1, password: null, name: ['x'] }))).toEqual([
      'email: invalid_type',
      'password: invalid_type',
      'name: invalid_type',
    ]);
    expect((await post('register', 'null')).status).toBe(400);
    expect((await post('register', [])).status).toBe(400);
  });

  it('lets exactly one of many concurrent registrations of an address through', async () => {
    const attempts = Array.from({ length: 20 }, (_, i) =>
      post('register', {
        email: i % 2 ? 'race@example.com' : 'Race@Example.COM',
        password: PASSWORD,
        name: `Racer ${i}`,
      }),
    );
    const replies = await Promise.all(attempts);
    const statuses = replies.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    const refused = replies.find(({ status }) => status === 409);
    expect(codesOf(refused as TestReply)).toEqual(['email: email_taken']);
    const [count] = await db.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM bus.job WHERE data->'data'->>'email' = 'race@example.com' AND name LIKE '%.user'`,
    );
    expect(count?.n).toBe(1);
  });

  it('answers although the user service fails, with what is known', async () => {
    directory.trouble = () => {
      throw new Error('no database');
    };
    try {
      const { reply, email } = await register();
      expect(reply.body.data.user).toMatchObject({ email, name: `Person ${people}`, status: 'active', version: 1 });
      expect((await login(email)).body.data.user).toMatchObject({ email, name: `person${people}` });
    } finally {
      directory.trouble = undefined;
    }
  });

  it('does not wait for a user service that hangs', async () => {
    let release = () => undefined as void;
    directory.trouble = () => new Promise((resolve) => (release = resolve));
    try {
      const started = Date.now();
      await register();
      expect(Date.now() - started).toBeLessThan(5_000);
    } finally {
      release();
      directory.trouble = undefined;
    }
  }, 10_000);

  it('takes no Idempotency-Key, because it answers secrets', async () => {
    const body = { email: 'key@example.com', password: PASSWORD, name: 'Key' };
    for (const path of ['register', 'login', 'refresh']) {
      const reply = await post(path, body, { 'idempotency-key': 'k1' });
      expect([reply.status, reply.body.details[0].code]).toEqual([400, 'idempotency_key_not_allowed']);
    }
  });
});

describe('POST /login', () => {
  it('signs in, in any spelling of the address', async () => {
    const { email, id } = await register();
    const reply = await login(` ${email.toUpperCase()} `);
    expect(reply.status).toBe(200);
    expect(reply.body.data.user).toMatchObject({ id, email, name: `Person ${people}` });
    expect(reply.body.data.tokens.refresh_token).toMatch(/^[0-9a-f-]{36}\.1\./);
  });

  it('says the same of a wrong password and of an address nobody has', async () => {
    const { email } = await register();
    const [wrong, unknown] = [
      await login(email, 'not the password'),
      await login('nobody@example.com', 'not the password'),
    ];
    for (const reply of [wrong, unknown]) {
      expect(reply.status).toBe(401);
      expect(reply.headers.get('www-authenticate')).toBe('Bearer realm="nexus"');
      const { request_id, ...body } = reply.body;
      expect(request_id).toBe(reply.headers.get('x-request-id'));
      expect(body).toEqual({
        success: false,
        error: 'The e-mail address or the password is wrong.',
        error_code: 401,
        details: [{ code: 'invalid_credentials', message: 'The e-mail address or the password is wrong.' }],
      });
    }
  });

  it('keeps records of failures, of unknown addresses only a digest', async () => {
    const { email, id } = await register();
    await login(email, 'not the password');
    expect(await audited('session.start', id)).toMatchObject([
      { outcome: 'success' },
      { outcome: 'failure', target_type: 'account', target_id: id, details: { reason: 'wrong_password' } },
    ]);
    await login('somebody.else@example.com', 'not the password');
    const [unknown] = await db.query<{ target_id: string | null; details: Record<string, unknown> }>(
      `SELECT target_id, details FROM audit.records WHERE details ? 'email_digest' ORDER BY occurred_at DESC, id DESC LIMIT 1`,
    );
    expect(unknown).toMatchObject({ target_id: null, details: { email_digest: expect.stringMatching(/^[\w-]{16}$/) } });
    const [leaks] = await db.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM audit.records r WHERE r::text LIKE '%somebody.else%' OR r::text LIKE '%not the password%'`,
    );
    expect(leaks?.n).toBe(0);
  });

  it('makes an address wait after ten failures, whoever tries and whether or not somebody has it', async () => {
    const { email } = await register();
    for (const address of [email, 'nobody.at.all@example.com']) {
      for (let i = 0; i < 10; i++) expect((await login(address, 'not the password')).status).toBe(401);
      const refused = await login(address);
      expect([refused.status, refused.body.details[0].code]).toEqual([429, 'too_many_failures']);
      expect(refused.headers.get('retry-after')).toBe('30');
    }
    expect((await login((await register()).email)).status).toBe(200);
    await later(31_000, async () => {
      expect((await login(email, 'not the password')).status).toBe(401);
      expect((await login(email)).headers.get('retry-after')).toBe('60');
    });
    await later(92_000, async () => {
      expect((await login(email)).status).toBe(200);
      for (let i = 0; i < 9; i++) expect((await login(email, 'not the password')).status).toBe(401);
      expect((await login(email)).status).toBe(200);
    });
  });

  it('tells at most ten answers of a flood of guesses', async () => {
    const { email } = await register();
    const replies = await Promise.all(Array.from({ length: 40 }, () => login(email, 'not the password')));
    const statuses = replies.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(30);
    // Also the right one learns nothing now.
    expect((await login(email)).status).toBe(429);
  });

  it('tells only who knows the password that the account is barred', async () => {
    const { email, id } = await register();
    for (const [change, code] of [
      ['locked_at = now()', 'account_locked'],
      [`locked_at = NULL, status = 'deactivated'`, 'account_disabled'],
    ] as const) {
      await db.query(`UPDATE auth.accounts SET ${change} WHERE id = $1`, [id]);
      const reply = await login(email);
      expect([reply.status, reply.body.details[0].code]).toEqual([403, code]);
      expect((await login(email, 'not the password')).status).toBe(401);
    }
    expect((await audited('session.start', id)).map(({ outcome }) => outcome)).toEqual([
      'success',
      'denied',
      'failure',
      'denied',
      'failure',
    ]);
  });

  it('refuses what cannot be an address or a password before any work', async () => {
    expect(codesOf(await login('no address', ''))).toEqual(['email: invalid_format', 'password: too_small']);
    expect((await login('a@example.com', 'x'.repeat(1025))).status).toBe(400);
  });
});
