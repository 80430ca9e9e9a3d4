import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Sessions, UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { MemoryUserDirectory, startTestApp, type TestApp, testContext, testServiceContext } from '@nexus/testing';
import { hash, parseOptions, verify } from '@node-rs/argon2';
import pg from 'pg';
import { LocalSessions } from '../adapters/sessions.local.js';
import { authConfig } from '../auth.config.js';
import { authService } from '../index.js';
import { Argon2Loader } from '../passwords/argon2.service.js';
import { PasswordHasher } from '../passwords/password-hasher.service.js';
import { Login } from './login.service.js';
import { Registration } from './registration.service.js';

const PASSWORD = 'a long enough secret';
const anonymous = () => testContext({ kind: 'anonymous' }, { address: '203.0.113.7', userAgent: 'curl/8' });

let app: TestApp;
let db: Database;
let hasher: PasswordHasher;
let logins: Login;
let person: { id: string; email: string };
let people = 0;

const get = <T>(token: abstract new (...args: never[]) => T): T =>
  app.running.app.nest.get(token as never, { strict: false });

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: { ARGON2_MEMORY_KIB: '64', ARGON2_TIME: '1', PASSWORD_HASHES_AT_ONCE: '2', PASSWORD_HASH_QUEUE: '4' },
  });
  db = app.running.app.databases.get('auth');
  hasher = get(PasswordHasher);
  logins = get(Login);
}, 30_000);

afterAll(async () => {
  await app.stop();
});

beforeEach(async () => {
  people += 1;
  const email = `person${people}@example.com`;
  const { user } = await get(Registration).register(anonymous(), { email, password: PASSWORD, name: 'Person' });
  person = { id: user.id, email };
});

/** What a sign-in costs: checked hashes by their parameters, and statements by their text. */
async function costOf(work: () => Promise<unknown>): Promise<{ hashes: string[]; statements: string[] }> {
  const hashes: string[] = [];
  const statements: string[] = [];
  const argon2 = jest.spyOn(get(Argon2Loader), 'load').mockResolvedValue({
    hash,
    parseOptions,
    verify: (against, password) => {
      hashes.push(String(against).split('$').slice(1, 4).join('$'));
      return verify(against, password);
    },
  });
  const query = pg.Client.prototype.query;
  const spy = jest.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...args: unknown[]
  ) {
    const [first] = args;
    // A composed text, a query of TypeORM's, or a statement of fixed text.
    const asked = first as { text?: string; prepared?: { text: string } };
    const text = typeof first === 'string' ? first : (asked.prepared?.text ?? asked.text ?? '');
    if (!text.includes('revocation_counter') && !text.includes('bus.'))
      statements.push(text.replace(/\s+/g, ' ').trim());
    return query.apply(this, args as never);
  } as never);
  try {
    await work();
  } finally {
    spy.mockRestore();
    argon2.mockRestore();
  }
  return { hashes, statements };
}

describe('Login', () => {
  it('takes the same steps for a wrong password and for an address nobody has', async () => {
    const attempt = (email: string) => () =>
      expect(logins.login(anonymous(), { email, password: 'not the password' })).rejects.toMatchObject({
        code: 'invalid_credentials',
      });
    const known = await costOf(attempt(person.email));
    const unknown = await costOf(attempt('nobody@example.com'));
    expect(known.hashes).toEqual(['argon2id$v=19$m=64,t=1,p=1']);
    expect(unknown).toEqual(known);
    expect(known.statements.length).toBeGreaterThan(4);
  });

  it('takes the same steps for both while they have to wait', async () => {
    const attempt = (email: string) => logins.login(anonymous(), { email, password: 'not the password' });
    for (const email of [person.email, 'nobody.else@example.com']) {
      for (let i = 0; i < 10; i++) await expect(attempt(email)).rejects.toMatchObject({ code: 'invalid_credentials' });
    }
    const refused = (email: string) => () =>
      expect(attempt(email)).rejects.toMatchObject({ code: 'too_many_failures' });
    const known = await costOf(refused(person.email));
    expect(known.hashes).toEqual([]);
    expect(await costOf(refused('nobody.else@example.com'))).toEqual(known);
  });

  it('hashes anew with the parameters in force, once', async () => {
    const old = await hash(PASSWORD, { algorithm: 2, memoryCost: 32, timeCost: 1, parallelism: 1 });
    await db.query('UPDATE auth.accounts SET password_hash = $2 WHERE id = $1', [person.id, old]);
    await logins.login(anonymous(), { email: person.email, password: PASSWORD });
    const read = async () => {
      const [row] = await db.query<{ password_hash: string; password_version: number; version: number }>(
        'SELECT password_hash, password_version, version FROM auth.accounts WHERE id = $1',
        [person.id],
      );
      return row;
    };
    const anew = await read();
    expect(anew).toMatchObject({
      password_version: 1,
      version: 1,
      password_hash: expect.stringContaining('$m=64,t=1,p=1$'),
    });
    await logins.login(anonymous(), { email: person.email, password: PASSWORD });
    expect(await read()).toEqual(anew);
  });

  it('signs in although the hash cannot be made anew', async () => {
    const old = await hash(PASSWORD, { algorithm: 2, memoryCost: 32, timeCost: 1, parallelism: 1 });
    await db.query('UPDATE auth.accounts SET password_hash = $2 WHERE id = $1', [person.id, old]);
    const spy = jest.spyOn(hasher, 'hash').mockRejectedValue(new Error('no memory'));
    const { tokens } = await logins.login(anonymous(), { email: person.email, password: PASSWORD });
    spy.mockRestore();
    expect(tokens.access_token).toMatch(/^eyJ/);
  });

  it.each([
    ['locked', 'locked_at = now()', 'account_locked'],
    ['deactivated', `status = 'deactivated'`, 'account_disabled'],
    ['given another password', 'password_version = password_version + 1', 'invalid_credentials'],
  ])('opens no session for an account that is %s while the password is checked', async (_, change, code) => {
    const verify = hasher.verify.bind(hasher);
    const spy = jest.spyOn(hasher, 'verify').mockImplementation(async (...args) => {
      const right = await verify(...args);
      await db.query(`UPDATE auth.accounts SET ${change} WHERE id = $1`, [person.id]);
      return right;
    });
    await expect(logins.login(anonymous(), { email: person.email, password: PASSWORD })).rejects.toMatchObject({
      code,
    });
    spy.mockRestore();
    const [row] = await db.query<{ n: number }>('SELECT count(*)::int AS n FROM auth.sessions WHERE user_id = $1', [
      person.id,
    ]);
    expect(row?.n).toBe(1);
  });

  it('leaves no session behind when a deactivation happens at the same moment', async () => {
    for (let round = 1; round <= 15; round++) {
      const { id, email } = person;
      const status = { user_id: id, version: round * 2 };
      const context = testServiceContext('user');
      await Promise.all([
        logins.login(anonymous(), { email, password: PASSWORD }).catch((error: { code: string }) => {
          expect(error.code).toBe('account_disabled');
        }),
        get(LocalSessions).applyStatus(context, { ...status, status: 'deactivated' }),
      ]);
      const [row] = await db.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM auth.sessions WHERE user_id = $1 AND ended_at IS NULL',
        [id],
      );
      expect(row?.n).toBe(0);
      await get(LocalSessions).applyStatus(context, { ...status, version: round * 2 + 1, status: 'active' });
    }
    expect(Sessions.port.methods.applyStatus.serviceActor).toBe(true);
  });

  it('answers 503 instead of letting too many wait', async () => {
    const reply = (n: number) =>
      app.call('POST', '/api/v1/auth/login', { body: { email: `many${n}@example.com`, password: 'not the password' } });
    let open = () => undefined as void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const load = jest
      .spyOn(get(Argon2Loader), 'load')
      .mockResolvedValue({ hash, parseOptions, verify: () => gate.then(() => false) });
    const replies = Array.from({ length: 10 }, (_, n) => reply(n));
    const refused = (await Promise.race([Promise.any(replies), gate])) as Awaited<(typeof replies)[number]>;
    expect([refused.status, refused.body.details[0].code, refused.headers.get('retry-after')]).toEqual([
      503,
      'overloaded',
      '1',
    ]);
    const { PASSWORD_HASHES_AT_ONCE, PASSWORD_HASH_QUEUE } = app.running.app.config.get(authConfig);
    // So many refusals come while nothing moves; then the others are answered.
    let answered = 0;
    for (const one of replies) void one.then(() => answered++);
    const excess = replies.length - PASSWORD_HASHES_AT_ONCE - PASSWORD_HASH_QUEUE;
    while (answered < excess) await new Promise((resolve) => setTimeout(resolve, 5));
    open();
    const statuses = (await Promise.all(replies)).map(({ status }) => status).sort();
    load.mockRestore();
    expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 503, 503, 503, 503]);
  });
});
