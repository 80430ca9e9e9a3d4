import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AccountStatus, accountRegistered, Sessions } from '@nexus/contracts';
import { uuidv7 } from '@nexus/kernel';
import { Messaging } from '@nexus/messaging';
import { startTestApp, type TestApp, testServiceContext } from '@nexus/testing';
import { LocalUserDirectory } from '../adapters/user-directory.local.js';
import { userService } from '../index.js';

const PATH = '/api/v1/users';

interface Person {
  readonly id: string;
  readonly sid: string;
  readonly token: string;
}

describe('the routes of people', () => {
  let app: TestApp;
  let admin: Person;
  let ada: Person;
  const sessions = new Map<string, string>();
  /** Ends the sessions of who is deactivated, as auth does. */
  const auth = {
    applyStatus: async (_: unknown, { user_id, status }: AccountStatus) => {
      const sid = sessions.get(user_id);
      if (status === 'deactivated' && sid) app.mint.revoke(sid);
      return { revoked: sid ? 1 : 0 };
    },
  };

  beforeAll(async () => {
    const doubles = [{ port: Sessions, instance: auth }];
    app = await startTestApp({
      services: [userService],
      doubles,
      env: { RATE_LIMIT_ADMIN: '100000', RATE_LIMIT_AUTHENTICATED: '100000' },
    });
  }, 60_000);

  beforeEach(async () => {
    admin = await person('admin', 'Root');
    ada = await person('user', 'Ada');
  });

  afterAll(() => app?.stop());

  async function person(role: 'user' | 'admin', name: string): Promise<Person> {
    const [id, sid] = [uuidv7(), uuidv7()];
    const facts = { id, name, role, email: `${id}@corp.example`, email_verified: true, account_version: 1 };
    await app.running.app.nest.get(LocalUserDirectory, { strict: false }).ensure(testServiceContext('auth'), facts);
    sessions.set(id, sid);
    return { id, sid, token: app.token({ sub: id, sid, role }) };
  }

  const call = (who: Person, method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    app.call(method, path, {
      token: who.token,
      ...(body === undefined ? {} : { body }),
      ...(headers ? { headers } : {}),
    });

  it('show and change the own profile', async () => {
    const mine = await call(ada, 'GET', `${PATH}/me`);
    expect(mine.body.data).toEqual({
      id: ada.id,
      email: `${ada.id}@corp.example`,
      name: 'Ada',
      bio: null,
      locale: 'en',
      timezone: 'UTC',
      phone: null,
      avatar_url: null,
      status: 'active',
      role: 'user',
      email_verified: true,
      version: 1,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    expect((await call(ada, 'GET', `${PATH}/me`)).headers.get('cache-status')).toMatch(/^nexus; hit/);
    const etag = `${mine.headers.get('etag')}`;
    const patched = await call(
      ada,
      'PATCH',
      `${PATH}/me`,
      { name: 'Ada L.', timezone: 'Europe/London' },
      { 'if-match': etag },
    );
    expect(patched.body.data).toMatchObject({ name: 'Ada L.', timezone: 'Europe/London', version: 2 });
    expect((await call(ada, 'GET', `${PATH}/me`)).body.data).toEqual(patched.body.data);
    const stale = await call(ada, 'PATCH', `${PATH}/me`, { name: 'x' }, { 'if-match': etag });
    expect(stale.body).toMatchObject({ error_code: 412, details: [{ code: 'stale_version' }] });
  });

  it('name every fault of a change', async () => {
    const body = {
      name: '',
      bio: 'x'.repeat(2001),
      locale: 'xx_YY',
      timezone: 'Mars',
      phone: '123',
      email: 'a@b',
      role: 'admin',
    };
    const reply = await call(ada, 'PATCH', `${PATH}/me`, body);
    expect(reply.status).toBe(400);
    const fields = reply.body.details.map((detail: { field: string }) => detail.field).sort();
    expect(fields).toEqual(['bio', 'email', 'locale', 'name', 'phone', 'role', 'timezone']);
  });

  it('keep preferences to the letter', async () => {
    const at = `${PATH}/me/preferences`;
    expect((await call(ada, 'GET', at)).body.data).toEqual({});
    const data = { camelCase: { innerKey: 1 }, snake_case: [null, 'ü'], 'Weird Key!': true, version: 7 };
    const put = await call(ada, 'PUT', at, data);
    expect(put.status).toBe(200);
    const read = await call(ada, 'GET', at);
    expect(JSON.stringify(read.body.data)).toBe(JSON.stringify(data));
    expect(read.headers.get('etag')).toBe(put.headers.get('etag'));
    const etag = `${read.headers.get('etag')}`;
    expect((await call(ada, 'PUT', at, { a: 1 }, { 'if-match': etag })).status).toBe(200);
    expect((await call(ada, 'PUT', at, { b: 1 }, { 'if-match': etag })).status).toBe(412);
    expect((await call(admin, 'GET', at)).body.data).toEqual({});
    for (const bad of [[], 'text', 7, { big: 'x'.repeat(16 * 1024) }]) {
      expect((await call(ada, 'PUT', at, JSON.stringify(bad))).body).toMatchObject({ success: false, error_code: 400 });
    }
    expect((await call(ada, 'PUT', at)).status).toBe(400);
  });

  it('show others only what is public', async () => {
    const seen = await call(ada, 'GET', `${PATH}/${admin.id}`);
    expect(Object.keys(seen.body.data)).toEqual(['id', 'name', 'bio', 'avatar_url', 'version', 'created_at']);
    expect(seen.text).not.toContain('corp.example');
    expect((await call(ada, 'GET', `${PATH}/${uuidv7()}`)).body).toMatchObject({
      error_code: 404,
      details: [{ code: 'user_not_found' }],
    });
    expect((await call(ada, 'GET', `${PATH}/ME`)).body).toMatchObject({
      error_code: 400,
      details: [{ code: 'invalid_id' }],
    });
  });

  it('let only administrators list and change people', async () => {
    for (const [method, path, body] of [
      ['GET', PATH, undefined],
      ['PATCH', `${PATH}/${ada.id}`, { name: 'x' }],
      ['POST', `${PATH}/${ada.id}/deactivate`, undefined],
      ['POST', `${PATH}/${ada.id}/reactivate`, undefined],
    ] as const) {
      expect((await call(ada, method, path, body)).body).toMatchObject({
        error_code: 403,
        details: [{ code: 'forbidden' }],
      });
    }
    const found = await call(
      admin,
      'GET',
      `${PATH}?email=${ada.id.toUpperCase()}@corp.example&role=user&status=active&q=ad`,
    );
    expect(found.body).toMatchObject({ data: [{ id: ada.id }], page: { limit: 20, next_cursor: null, total: 1 } });
    const etag = `${(await call(admin, 'GET', `${PATH}/${ada.id}`)).headers.get('etag')}`;
    const patched = await call(admin, 'PATCH', `${PATH}/${ada.id}`, { phone: '+4366012345678' }, { 'if-match': etag });
    expect(patched.body.data).toMatchObject({ id: ada.id, phone: '+4366012345678', version: 2 });
    expect((await call(ada, 'GET', `${PATH}/me`)).body.data.phone).toBe('+4366012345678');
  });

  it('shut a person out at once, and let them in again', async () => {
    const at = `${PATH}/${ada.id}`;
    expect((await call(ada, 'GET', `${PATH}/me`)).status).toBe(200);
    const out = await call(admin, 'POST', `${at}/deactivate`, undefined, { 'idempotency-key': 'out' });
    expect(out.body.data).toMatchObject({ id: ada.id, status: 'deactivated', version: 2 });
    expect((await call(ada, 'GET', `${PATH}/me`)).body).toMatchObject({
      error_code: 401,
      details: [{ code: 'session_ended' }],
    });
    expect((await call(admin, 'POST', `${at}/deactivate`)).body.data).toEqual(out.body.data);
    const bob = await person('user', 'Bob');
    expect((await call(bob, 'GET', at)).status).toBe(404);
    expect((await call(admin, 'GET', at)).status).toBe(200);
    expect((await call(admin, 'POST', `${at}/reactivate`, undefined, { 'if-match': '"1-x"' })).status).toBe(412);
    expect((await call(admin, 'POST', `${at}/reactivate`)).body.data).toMatchObject({ status: 'active', version: 3 });
    expect((await call(bob, 'GET', at)).status).toBe(200);
    const self = await call(admin, 'POST', `${PATH}/${admin.id}/deactivate`);
    expect(self.body).toMatchObject({ error_code: 409, details: [{ code: 'cannot_deactivate_self' }] });
  });

  it('know a person from the event alone, when the call of the registration was lost', async () => {
    const { databases, nest } = app.running.app;
    const messaging = nest.get(Messaging);
    const id = uuidv7();
    const data = { user_id: id, name: 'Eve', email: 'eve@corp.example', role: 'user' as const, email_verified: false };
    const aggregate = { type: 'account', id, version: 1 };
    await databases
      .get('user')
      .transaction((tx) => messaging.publish(tx, testServiceContext('auth'), accountRegistered, { aggregate, data }));
    const token = app.token({ sub: id });
    const deadline = Date.now() + 15_000;
    let reply = await app.call('GET', `${PATH}/me`, { token });
    while (reply.status === 404 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      reply = await app.call('GET', `${PATH}/me`, { token });
    }
    expect(reply.body.data).toMatchObject({ id, name: 'Eve', email: 'eve@corp.example' });
  }, 20_000);

  it('need someone who is signed in', async () => {
    for (const path of ['/me', '/me/preferences', `/${ada.id}`, '']) {
      expect((await app.call('GET', `${PATH}${path}`)).body).toMatchObject({ error_code: 401 });
    }
  });
});
