import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  publicJwk,
  type Revocation,
  revocation,
  Sessions,
  TokenTrust,
  UserDirectory,
  userStatusChanged,
} from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { uuidv7 } from '@nexus/kernel';
import { Messaging } from '@nexus/messaging';
import {
  MemoryUserDirectory,
  startTestApp,
  type TestApp,
  testContext,
  testServiceContext,
  testUser,
} from '@nexus/testing';
import { authService } from '../index.js';
import { LocalSessions } from './sessions.local.js';
import { LocalTokenTrust } from './token-trust.local.js';

const PASSWORD = 'a long enough secret';
let app: TestApp;
let db: Database;
let sessions: LocalSessions;
let trust: LocalTokenTrust;
let person: { id: string; email: string; access: string; session: string };
let people = 0;

const get = <T>(token: abstract new (...args: never[]) => T): T =>
  app.running.app.nest.get(token as never, { strict: false });

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: { ARGON2_MEMORY_KIB: '64', ARGON2_TIME: '1', RATE_LIMIT_SIGN_IN: '100000', RATE_LIMIT_ANONYMOUS: '100000' },
  });
  db = app.running.app.databases.get('auth');
  sessions = get(LocalSessions);
  trust = get(LocalTokenTrust);
}, 30_000);

afterAll(async () => {
  await app.stop();
});

beforeEach(async () => {
  people += 1;
  const body = { email: `person${people}@example.com`, password: PASSWORD, name: 'Person' };
  const { data } = (await app.call('POST', '/api/v1/auth/register', { body })).body;
  const { access_token: access, refresh_token } = data.tokens;
  person = { id: data.user.id, email: data.user.email, access, session: refresh_token.split('.')[0] };
});

const login = () => app.call('POST', '/api/v1/auth/login', { body: { email: person.email, password: PASSWORD } });
const works = async (token: string) => (await app.call('GET', '/api/v1/auth/sessions', { token })).status === 200;
const service = testServiceContext('user');

async function eventually(check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 25_000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error('It did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('Sessions', () => {
  it('ends every session of a person, as an admin or as a service, and says how many', async () => {
    const second = (await login()).body.data.tokens.access_token;
    const admin = testContext(testUser({ role: 'admin' }));
    const first = await sessions.revokeAll(admin, { user_id: person.id, reason: 'asked_by_admin' });
    expect(Sessions.port.methods.revokeAll.output.parse(first)).toEqual({ revoked: 2 });
    expect([await works(person.access), await works(second)]).toEqual([false, false]);
    expect(await sessions.revokeAll(service, { user_id: person.id, reason: 'again' })).toEqual({ revoked: 0 });
    expect(await sessions.revokeAll(service, { user_id: uuidv7(), reason: 'nobody' })).toEqual({ revoked: 0 });
    const rows = await db.query('SELECT DISTINCT end_reason FROM auth.sessions WHERE user_id = $1', [person.id]);
    expect(rows).toEqual([{ end_reason: 'asked_by_admin' }]);
  });

  it('keeps a deactivated person out, and lets a reactivated one in again', async () => {
    const apply = (status: 'active' | 'deactivated', version: number) =>
      sessions.applyStatus(service, { user_id: person.id, status, version });
    expect(await apply('deactivated', 2)).toEqual({ revoked: 1 });
    expect(await works(person.access)).toBe(false);
    expect((await login()).status).toBe(403);
    // Repeated, and late.
    expect(await apply('deactivated', 2)).toEqual({ revoked: 0 });
    expect(await apply('active', 1)).toEqual({ revoked: 0 });
    expect((await login()).status).toBe(403);
    expect(await apply('active', 3)).toEqual({ revoked: 0 });
    expect((await login()).status).toBe(200);
    expect(await works(person.access)).toBe(false);
    expect(await apply('deactivated', 2)).toEqual({ revoked: 0 });
    expect((await login()).status).toBe(200);
    expect(await sessions.applyStatus(service, { user_id: uuidv7(), status: 'deactivated', version: 1 })).toEqual({
      revoked: 0,
    });
  });

  it('follows the newest of concurrent decisions, in whatever order they arrive', async () => {
    const decisions = Array.from({ length: 12 }, (_, i) => ({
      user_id: person.id,
      status: i % 2 ? ('active' as const) : ('deactivated' as const),
      version: i + 1,
    }));
    await Promise.all(
      decisions
        .toSorted((a, b) => ((a.version * 7) % 12) - ((b.version * 7) % 12))
        .map((one) => sessions.applyStatus(service, one)),
    );
    const [row] = await db.query('SELECT status, status_version FROM auth.accounts WHERE id = $1', [person.id]);
    expect(row).toEqual({ status: 'active', status_version: 12 });
  });
});

describe('user.status_changed', () => {
  const publish = (status: 'active' | 'deactivated', version: number) =>
    db.transaction((tx) =>
      app.running.app.nest.get(Messaging).publish(tx, service, userStatusChanged, {
        aggregate: { type: 'user', id: person.id, version },
        data: { user_id: person.id, status, version },
      }),
    );

  it('repairs a lost call', async () => {
    await publish('deactivated', 2);
    await eventually(async () => !(await works(person.access)));
    expect((await login()).status).toBe(403);
    const records = await db.query<{ actor_id: string; request_id: string; trace_id: string }>(
      `SELECT actor_id, request_id, trace_id FROM audit.records WHERE action = 'account.deactivated' AND target_id = $1`,
      [person.id],
    );
    expect(records).toEqual([
      { actor_id: 'service:auth', request_id: service.requestId, trace_id: service.trace.traceId },
    ]);
  });

  it('changes nothing when it comes after what it tells is outdated', async () => {
    await sessions.applyStatus(service, { user_id: person.id, status: 'active', version: 5 });
    await publish('deactivated', 4);
    await publish('active', 6);
    await eventually(async () => {
      const [row] = await db.query<{ status_version: number }>(
        'SELECT status_version FROM auth.accounts WHERE id = $1',
        [person.id],
      );
      return row?.status_version === 6;
    });
    expect(await works(person.access)).toBe(true);
  });
});

describe('TokenTrust', () => {
  it('gives the keys and the revocations in the form of the contract, over a JSON round trip', async () => {
    const keys = JSON.parse(JSON.stringify(await trust.keys(service, {})));
    expect(TokenTrust.port.methods.keys.output.parse(keys)).toEqual(keys);
    expect(publicJwk.strict().safeParse(keys.keys[0]).success).toBe(true);
    const { head: before } = await trust.revocations(service, { after: 0 });
    await sessions.revokeAll(service, { user_id: person.id, reason: 'test' });
    const told = JSON.parse(JSON.stringify(await trust.revocations(service, { after: before })));
    expect(TokenTrust.port.methods.revocations.output.parse(told)).toEqual(told);
    expect(told).toEqual({
      head: before + 1,
      entries: [{ seq: before + 1, session_id: person.session, min_version: null, expires_at: expect.any(String) }],
    });
  });

  it('calls listeners before the change is answered, in the order of the numbers', async () => {
    const heard: Revocation[] = [];
    const stop = trust.subscribe((entry) => heard.push(entry));
    for (let i = 0; i < 4; i++) await login();
    const { revoked } = await sessions.revokeAll(service, { user_id: person.id, reason: 'test' });
    expect(revoked).toBe(5);
    expect(heard).toHaveLength(5);
    expect(heard.map(({ seq }) => seq)).toEqual(heard.map((_, i) => (heard[0]?.seq ?? 0) + i));
    for (const entry of heard) expect(revocation.parse(entry)).toEqual(entry);
    stop();
    await login();
    await sessions.revokeAll(service, { user_id: person.id, reason: 'test' });
    expect(heard).toHaveLength(5);
  });
});
