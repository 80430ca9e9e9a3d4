import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { MemoryUserDirectory, startTestApp, type TestApp } from '@nexus/testing';
import { authService } from '../index.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { AuthHousekeeping } from './housekeeping.service.js';

const DAY = 86_400_000;
const PASSWORD = 'a long enough secret';
let app: TestApp;
let db: Database;

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: { ARGON2_MEMORY_KIB: '64', ARGON2_TIME: '1' },
  });
  db = app.running.app.databases.get('auth');
}, 30_000);

afterAll(async () => {
  await app.stop();
});

async function counts(): Promise<Record<string, number>> {
  const [row] = await db.query<Record<string, number>>(`
    SELECT (SELECT count(*)::int FROM auth.sessions) AS sessions, (SELECT count(*)::int FROM auth.revocations) AS revocations,
      (SELECT count(*)::int FROM auth.login_failures) AS failures, (SELECT count(*)::int FROM auth.accounts) AS accounts`);
  return row ?? {};
}

async function roundAfter(ms: number): Promise<Record<string, number>> {
  const clock = app.running.app.nest.get(AuthClock, { strict: false });
  const spy = jest.spyOn(clock, 'now').mockImplementation(() => Date.now() + ms);
  await app.running.app.nest.get(AuthHousekeeping, { strict: false }).round();
  spy.mockRestore();
  return counts();
}

describe('AuthHousekeeping', () => {
  it('removes what counts no more, and nothing else', async () => {
    const post = (path: string, body: unknown, token?: string) =>
      app.call('POST', `/api/v1/auth/${path}`, { body, ...(token ? { token } : {}) });
    const credentials = { email: 'ada@example.com', password: PASSWORD };
    const { tokens } = (await post('register', { ...credentials, name: 'Ada' })).body.data;
    await post('login', credentials);
    await post('login', { email: 'nobody@example.com', password: 'not the password' });
    await post('logout', undefined, tokens.access_token);
    const all = { accounts: 1, sessions: 2, revocations: 1, failures: 1 };
    expect(await roundAfter(0)).toEqual(all);
    // The revoked token lives for 15 minutes; clocks may differ.
    expect(await roundAfter(17 * 60_000)).toEqual(all);
    expect(await roundAfter(30 * 60_000)).toEqual({ ...all, revocations: 0 });
    expect(await roundAfter(DAY + 60_000)).toEqual({ ...all, revocations: 0, failures: 0 });
    // The one that was logged out goes 30 days later, the other one when it has been over for so long.
    expect(await roundAfter(30 * DAY + 60_000)).toEqual({ accounts: 1, sessions: 1, revocations: 0, failures: 0 });
    expect(await roundAfter(59 * DAY)).toEqual({ accounts: 1, sessions: 1, revocations: 0, failures: 0 });
    expect(await roundAfter(60 * DAY + 60_000)).toEqual({ accounts: 1, sessions: 0, revocations: 0, failures: 0 });
  });

  it('removes more than one batch', async () => {
    await db.query(`
      INSERT INTO auth.sessions (id, user_id, amr, created_at, last_used_at, expires_at, absolute_expires_at, token_expires_at)
      SELECT gen_random_uuid(), id, '{pwd}', at, at, at, at, at
      FROM auth.accounts, (SELECT now() - interval '31 days' AS at) AS past, generate_series(1, 2500)`);
    expect((await counts()).sessions).toBe(2500);
    expect((await roundAfter(0)).sessions).toBe(0);
  });
});
