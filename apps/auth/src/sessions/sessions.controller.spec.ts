import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { encodeCursor } from '@nexus/kernel';
import { MemoryUserDirectory, startTestApp, type TestApp, type TestReply } from '@nexus/testing';
import { authService } from '../index.js';
import { AuthClock } from '../time/auth-clock.service.js';

const PASSWORD = 'a long enough secret';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0';

interface SignedIn {
  readonly id: string;
  readonly email: string;
  readonly access: string;
  readonly refresh: string;
  readonly session: string;
}

let app: TestApp;
let db: Database;
let people = 0;

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: {
      ARGON2_MEMORY_KIB: '64',
      ARGON2_TIME: '1',
      RATE_LIMIT_SIGN_IN: '100000',
      RATE_LIMIT_ANONYMOUS: '100000',
    },
  });
  db = app.running.app.databases.get('auth');
}, 30_000);

afterAll(async () => {
  await app.stop();
});

function toSignedIn({ body: { data } }: TestReply): SignedIn {
  const { access_token: access, refresh_token: refresh } = data.tokens;
  return { id: data.user?.id, email: data.user?.email, access, refresh, session: refresh.split('.')[0] };
}

async function register(): Promise<SignedIn> {
  people += 1;
  const body = { email: `person${people}@example.com`, password: PASSWORD, name: 'Person' };
  return toSignedIn(await app.call('POST', '/api/v1/auth/register', { body, headers: { 'user-agent': FIREFOX } }));
}

async function login({ email }: SignedIn): Promise<SignedIn> {
  return toSignedIn(await app.call('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } }));
}

const refresh = (token: string) => app.call('POST', '/api/v1/auth/refresh', { body: { refresh_token: token } });
const sessions = (token: string, query = '') => app.call('GET', `/api/v1/auth/sessions${query}`, { token });
const code = (reply: TestReply) => [reply.status, reply.body.details?.[0]?.code];

async function later<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const clock = app.running.app.nest.get(AuthClock, { strict: false });
  const spy = jest.spyOn(clock, 'now').mockImplementation(() => Date.now() + ms);
  try {
    return await work();
  } finally {
    spy.mockRestore();
  }
}

describe('POST /refresh', () => {
  it('gives new tokens of the same session', async () => {
    const person = await register();
    const reply = await refresh(person.refresh);
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body.data)).toEqual(['tokens']);
    const { access_token, refresh_token, expires_in } = reply.body.data.tokens;
    expect(expires_in).toBe(900);
    expect(refresh_token.split('.').slice(0, 2)).toEqual([person.session, '2']);
    expect(access_token).not.toBe(person.access);
    expect((await sessions(access_token)).body.page.total).toBe(1);
    // Rotation does not log out the access token at hand.
    expect((await sessions(person.access)).status).toBe(200);
  });

  it('gives the loser of a race the same successor, and a thief nothing', async () => {
    const person = await register();
    const first = (await refresh(person.refresh)).body.data.tokens.refresh_token;
    const second = await later(9_000, () => refresh(person.refresh));
    expect(second.body.data.tokens.refresh_token).toBe(first);
    expect((await sessions(second.body.data.tokens.access_token)).status).toBe(401);
    const reused = await later(10_500, () => refresh(person.refresh));
    expect(code(reused)).toEqual([401, 'token_reused']);
    expect(reused.headers.get('www-authenticate')).toContain('Bearer');
    expect(code(await refresh(first))).toEqual([401, 'invalid_refresh_token']);
    expect(code(await sessions(person.access))).toEqual([401, 'session_ended']);
    const records = await db.query(
      `SELECT action, details->>'reason' AS reason FROM audit.records WHERE target_id = $1 ORDER BY occurred_at, id`,
      [person.session],
    );
    expect(records).toEqual([
      { action: 'session.start', reason: null },
      { action: 'session.token_reused', reason: null },
      { action: 'session.ended', reason: 'token_reused' },
    ]);
  });

  it('answers 50 concurrent uses of one token with one successor', async () => {
    const person = await register();
    const replies = await Promise.all(Array.from({ length: 50 }, () => refresh(person.refresh)));
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    const successors = new Set(replies.map(({ body }) => body.data.tokens.refresh_token));
    expect(successors.size).toBe(1);
    const [row] = await db.query('SELECT generation FROM auth.sessions WHERE id = $1', [person.session]);
    expect(row).toEqual({ generation: 2 });
    for (const { body } of replies) expect((await sessions(body.data.tokens.access_token)).status).toBe(200);
  }, 20_000);

  it('refuses what it did not issue', async () => {
    const { refresh: good, session } = await register();
    const [, , mac] = good.split('.');
    for (const bad of [
      'x',
      'a.b.c',
      `${session}.2.${mac}`,
      `${session}.1.${'A'.repeat(43)}`,
      good.slice(0, -1),
      `${good}.`,
    ]) {
      expect(code(await refresh(bad))).toEqual([401, 'invalid_refresh_token']);
    }
    expect((await refresh(good)).status).toBe(200);
    for (const body of [{}, { refresh_token: '' }, { refresh_token: 1 }, { refresh_token: 'x'.repeat(513) }]) {
      expect((await app.call('POST', '/api/v1/auth/refresh', { body })).status).toBe(400);
    }
  });

  it('ends with the idle time, which each refresh renews, and with the absolute time, which none does', async () => {
    const day = 86_400_000;
    const idle = await register();
    expect(code(await later(30 * day + 1_000, () => refresh(idle.refresh)))).toEqual([401, 'invalid_refresh_token']);
    const used = await register();
    let token = used.refresh;
    for (const days of [29, 58, 87]) {
      const reply = await later(days * day, () => refresh(token));
      expect(reply.status).toBe(200);
      token = reply.body.data.tokens.refresh_token;
      const left = Math.min(30, 90 - days) * 86_400;
      expect(Math.abs(reply.body.data.tokens.refresh_expires_in - left)).toBeLessThan(60);
    }
    expect((await later(89 * day, () => refresh(token))).status).toBe(200);
    expect(code(await later(90 * day + 1_000, () => refresh(token)))).toEqual([401, 'invalid_refresh_token']);
  });

  it('gives nothing to a barred account', async () => {
    const person = await register();
    await db.query('UPDATE auth.accounts SET locked_at = now() WHERE id = $1', [person.id]);
    expect(code(await refresh(person.refresh))).toEqual([401, 'invalid_refresh_token']);
  });

  it('is limited to 60 a minute and session', async () => {
    const person = await register();
    let token = person.refresh;
    for (let i = 0; i < 60; i++) token = (await refresh(token)).body.data.tokens.refresh_token;
    expect(code(await refresh(token))).toEqual([429, 'rate_limited']);
    expect((await refresh((await register()).refresh)).status).toBe(200);
  }, 20_000);
});

describe('logging out', () => {
  it('ends the session of the request at once, its access tokens included, and no other', async () => {
    const one = await register();
    const two = await login(one);
    expect((await app.call('POST', '/api/v1/auth/logout', { token: one.access })).status).toBe(204);
    expect(code(await sessions(one.access))).toEqual([401, 'session_ended']);
    expect(code(await refresh(one.refresh))).toEqual([401, 'invalid_refresh_token']);
    expect((await sessions(two.access)).body.page.total).toBe(1);
    expect((await refresh(two.refresh)).status).toBe(200);
  });

  it('ends every session of the caller at once, and nobody else’s', async () => {
    const one = await register();
    const all = [one, ...(await Promise.all([login(one), login(one), login(one)]))];
    const other = await register();
    expect((await app.call('POST', '/api/v1/auth/logout-all', { token: one.access })).status).toBe(204);
    for (const { access, refresh: token } of all) {
      expect(code(await sessions(access))).toEqual([401, 'session_ended']);
      expect(code(await refresh(token))).toEqual([401, 'invalid_refresh_token']);
    }
    expect((await sessions(other.access)).status).toBe(200);
  });

  it('wins over a refresh that runs at the same moment: no token of the session is left', async () => {
    for (let round = 0; round < 20; round++) {
      const person = await register();
      const [loggedOut, ...refreshed] = await Promise.all([
        app.call('POST', '/api/v1/auth/logout', { token: person.access }),
        refresh(person.refresh),
        refresh(person.refresh),
      ]);
      expect(loggedOut.status).toBe(204);
      for (const reply of refreshed) {
        if (reply.status !== 200) {
          expect(code(reply)).toEqual([401, 'invalid_refresh_token']);
          continue;
        }
        const { access_token, refresh_token } = reply.body.data.tokens;
        expect(code(await sessions(access_token))).toEqual([401, 'session_ended']);
        expect(code(await refresh(refresh_token))).toEqual([401, 'invalid_refresh_token']);
      }
    }
  }, 20_000);

  it('can be repeated with an Idempotency-Key', async () => {
    const one = await register();
    const two = await login(one);
    const headers = { 'idempotency-key': 'log me out' };
    const logoutAll = () => app.call('POST', '/api/v1/auth/logout-all', { token: two.access, headers });
    expect((await logoutAll()).status).toBe(204);
    expect(code(await logoutAll())).toEqual([401, 'session_ended']);
    expect(code(await sessions(one.access))).toEqual([401, 'session_ended']);
  });

  it('needs a signed-in caller', async () => {
    for (const path of ['logout', 'logout-all']) {
      expect(code(await app.call('POST', `/api/v1/auth/${path}`))).toEqual([401, 'unauthenticated']);
    }
  });
});

describe('the list of sessions', () => {
  it('shows what can be used, newest first', async () => {
    const one = await register();
    const two = await login(one);
    const three = await login(one);
    await app.call('POST', '/api/v1/auth/logout', { token: three.access });
    const { body } = await sessions(one.access);
    expect(body.page).toEqual({ limit: 20, next_cursor: null, total: 2 });
    expect(body.data).toEqual([
      {
        id: two.session,
        device: null,
        address: '127.0.0.1',
        created_at: expect.any(String),
        last_used_at: expect.any(String),
        expires_at: expect.any(String),
        current: false,
      },
      expect.objectContaining({ id: one.session, device: 'Firefox on Linux', current: true }),
    ]);
    const [{ created_at, expires_at }] = body.data;
    expect(Date.parse(expires_at) - Date.parse(created_at)).toBe(30 * 86_400_000);
  });

  it('comes in pages, in both directions', async () => {
    const one = await register();
    const ids = [one.session];
    for (let i = 0; i < 4; i++) ids.push((await login(one)).session);
    for (const [sort, expected] of [
      ['created_at', ids],
      ['-created_at', ids.toReversed()],
    ] as const) {
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const query: string = `?limit=2&sort=${sort}${cursor ? `&cursor=${cursor}` : ''}`;
        const { body } = await sessions(one.access, query);
        expect(body.page.total).toBe(5);
        seen.push(...body.data.map(({ id }: { id: string }) => id));
        cursor = body.page.next_cursor;
      }
      expect(seen).toEqual(expected);
    }
  });

  it('refuses cursors and limits that are none', async () => {
    const { access } = await register();
    const { body } = await sessions(access, '?limit=1&sort=created_at');
    expect(body.page.next_cursor).toBeNull();
    const made = (key: string, id: string) => encodeCursor('-created_at', { key, id });
    const id = '01a205e4-0903-7000-bbc5-b99090fc0e36';
    for (const cursor of [
      'x',
      made('yesterday', id),
      made('2026-02-30T00:00:00.000Z', id),
      made('2026-01-01T99:00:00.000Z', id),
      made('2026-01-01T00:00:00.000Z', 'x'),
      made('+012345-01-01T00:00:00.000Z', id),
      encodeCursor('created_at', { key: '2026-01-01T00:00:00.000Z', id }),
    ]) {
      expect(code(await sessions(access, `?cursor=${cursor}`))).toEqual([400, 'invalid_cursor']);
    }
    for (const query of ['?limit=0', '?limit=101', '?limit=x', '?sort=id', '?other=1']) {
      expect((await sessions(access, query)).status).toBe(400);
    }
    expect((await sessions(access, `?cursor=${made('0000-01-01T00:00:00.000Z', id)}`)).status).toBe(200);
  });
});

describe('DELETE /sessions/{id}', () => {
  const end = (token: string, id: string) => app.call('DELETE', `/api/v1/auth/sessions/${id}`, { token });

  it('ends one of the caller’s sessions at once', async () => {
    const one = await register();
    const two = await login(one);
    expect((await end(one.access, two.session)).status).toBe(204);
    expect(code(await sessions(two.access))).toEqual([401, 'session_ended']);
    expect(code(await end(one.access, two.session))).toEqual([404, 'session_not_found']);
    expect((await end(one.access, one.session)).status).toBe(204);
    expect(code(await sessions(one.access))).toEqual([401, 'session_ended']);
  });

  it('knows nothing of other people’s sessions', async () => {
    const [one, other] = [await register(), await register()];
    expect(code(await end(one.access, other.session))).toEqual([404, 'session_not_found']);
    expect((await sessions(other.access)).status).toBe(200);
    expect(code(await end(one.access, 'no-id'))).toEqual([400, 'invalid_id']);
  });
});
