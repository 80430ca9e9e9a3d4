import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { randomAddress, randomEmail, randomIpv4, randomPassword, times } from './support/chance.js';
import { anyone, Client } from './support/client.js';
import { newAdministrator, register } from './support/people.js';
import { flood, forwardedFor } from './support/raw-http.js';
import type { Reply } from './support/reply.js';
import { pause } from './support/waiting.js';

const WINDOW_MS = 60_000;
const ANONYMOUS = 100;
const USER = 1000;
const ADMIN = 5000;
const SIGN_INS = 30;
const FAILURES = 10;

const limitOf = (reply: Reply) => Number(reply.required('ratelimit-limit'));
const remainingOf = (reply: Reply) => Number(reply.required('ratelimit-remaining'));
const resetOf = (reply: Reply) => Number(reply.required('ratelimit-reset'));
const count = (replies: readonly Reply[], status: number) => replies.filter((reply) => reply.status === status).length;

function assertRefusal(reply: Reply, limit: number): void {
  reply.fails(429, 'rate_limited');
  expect(limitOf(reply)).toBe(limit);
  expect(remainingOf(reply)).toBe(0);
  expect(reply.header('retry-after')).toBe(reply.header('ratelimit-reset'));
  expect(resetOf(reply)).toBeGreaterThanOrEqual(1);
}

/** Uses up a window, and stays at it; begun before the other tests, because a window takes its time. */
async function oneWindow() {
  const client = anyone();
  const start = performance.now();
  const first = await client.get('/');
  const answered = performance.now();
  const used = await Promise.all(times(ANONYMOUS - 1).map(() => client.get('/')));
  const refused: { readonly atMs: number; readonly reply: Reply }[] = [];
  for (;;) {
    const asked = performance.now();
    const reply = await client.get('/');
    if (reply.status !== 429)
      return { start, answered, first, used, refused, open: reply, openAsked: asked, openAt: performance.now() };
    refused.push({ atMs: performance.now(), reply });
    if (asked - answered > WINDOW_MS + 5000) throw new Error('The window never ended');
    await pause(asked - start < WINDOW_MS - 1500 ? 700 : 50);
  }
}

let window: ReturnType<typeof oneWindow>;

beforeAll(() => {
  window = oneWindow();
  window.catch(() => undefined);
});

describe('tiers', () => {
  test('anonymous: 100 a minute, counted down', async () => {
    const client = anyone();
    for (const n of times(ANONYMOUS)) {
      const reply = (await client.get('/')).is(200);
      expect(limitOf(reply)).toBe(ANONYMOUS);
      expect(remainingOf(reply)).toBe(ANONYMOUS - 1 - n);
      expect(resetOf(reply)).toBeGreaterThan(50);
    }
    assertRefusal(await client.get('/'), ANONYMOUS);
  });

  test('anonymous: exactly 100 of a flood pass', async () => {
    const address = randomAddress();
    const replies = await flood({
      requests: 180,
      connections: 30,
      head: () => ['GET / HTTP/1.1', forwardedFor(address)],
    });
    expect(count(replies, 200)).toBe(ANONYMOUS);
    expect(count(replies, 429)).toBe(80);
    for (const reply of replies.filter(({ status }) => status === 429)) assertRefusal(reply, ANONYMOUS);
    const left = replies.filter(({ status }) => status === 200).map(remainingOf);
    expect(left.sort((a, b) => b - a)).toEqual(times(ANONYMOUS).map((n) => ANONYMOUS - 1 - n));
  });

  test('a user: exactly 1000 of a flood pass, from wherever they call', async () => {
    const person = await register();
    const authorization = `Authorization: Bearer ${person.tokens.access_token}`;
    const head = () => ['GET /api/v1/users/me HTTP/1.1', authorization, forwardedFor()];
    const replies = await flood({ requests: USER + 60, connections: 20, head });
    expect(count(replies, 200)).toBe(USER);
    expect(count(replies, 429)).toBe(60);
    for (const reply of replies.filter(({ status }) => status === 429)) assertRefusal(reply, USER);
    assertRefusal(await (await person.signInAgain()).get('/api/v1/users/me'), USER);
    (await person.with(undefined).get('/')).is(200);
  });

  test('an administrator: exactly 5000 of a flood pass', async () => {
    const person = await newAdministrator();
    const authorization = `Authorization: Bearer ${person.tokens.access_token}`;
    const head = () => ['GET /api/v1/users/me HTTP/1.1', authorization, forwardedFor()];
    const replies = await flood({ requests: ADMIN + 40, connections: 20, head });
    expect(count(replies, 200)).toBe(ADMIN);
    expect(count(replies, 429)).toBe(40);
    assertRefusal(replies.find(({ status }) => status === 429) as Reply, ADMIN);
  }, 60_000);

  test('users at one address do not use up each other’s', async () => {
    const [one, two] = await Promise.all([register(), register()]);
    const address = randomAddress();
    const ofOne = await one.from(address).get('/api/v1/users/me');
    const ofTwo = await two.from(address).get('/api/v1/users/me');
    expect([remainingOf(ofOne), remainingOf(ofTwo)]).toEqual([USER - 1, USER - 1]);
    expect(remainingOf(await anyone().from(address).get('/'))).toBe(ANONYMOUS - 1);
  });

  test('bad credentials count as none', async () => {
    const client = anyone();
    const replies = [];
    for (const _n of times(3)) replies.push((await client.with('not.a.token').get('/api/v1/users/me')).is(401));
    expect(replies.map(limitOf)).toEqual([ANONYMOUS, ANONYMOUS, ANONYMOUS]);
    expect(remainingOf(await client.get('/'))).toBe(ANONYMOUS - 4);
  });
});

describe('what counts', () => {
  test('every request, whatever the answer', async () => {
    const client = anyone();
    const kinds: (() => Promise<Reply>)[] = [
      async () => (await client.get('/')).is(200),
      async () => (await client.get('/nowhere')).is(404),
      async () => (await client.get('/api/v1/users/me')).is(401),
      async () => (await client.send('PUT', '/api/v1/projects', { json: {} })).is(405),
      async () => (await client.head('/')).is(200),
      async () => (await client.send('OPTIONS', '/api/v1/projects')).is(200, 204),
      async () => (await client.get('/', { headers: { accept: 'text/html' } })).is(406),
      async () => (await client.post('/api/v1/auth/register', { email: 1 })).is(400),
      async () =>
        (
          await client.send('POST', '/api/v1/auth/login', {
            body: '{',
            headers: { 'content-type': 'application/json' },
          })
        ).is(400),
      async () =>
        (await client.send('POST', '/api/v1/auth/login', { body: 'x', headers: { 'content-type': 'text/x' } })).is(415),
      async () => (await client.get('/docs')).is(200),
      async () => (await client.get(`/api/v1/projects/not-an-id`)).is(400, 401),
    ];
    const left: number[] = [];
    for (const kind of kinds) left.push(remainingOf(await kind()));
    expect(left).toEqual(kinds.map((_, n) => ANONYMOUS - 1 - n));
  });

  test('a flood of faults is refused like any other', async () => {
    const address = randomAddress();
    const head = (n: number) => [`GET /nowhere/${n} HTTP/1.1`, forwardedFor(address)];
    const replies = await flood({ requests: 150, connections: 15, head });
    expect([count(replies, 404), count(replies, 429)]).toEqual([ANONYMOUS, 50]);
  });

  test('answers from the cache, 304s and errors of one user across all routes', async () => {
    const person = await register();
    const etag = (await person.get('/api/v1/users/me')).required('etag');
    const before = remainingOf(await person.get('/api/v1/users/me'));
    const asks = [
      person.get('/api/v1/users/me', { headers: { 'if-none-match': etag } }),
      person.get('/api/v1/projects'),
      person.get('/api/v1/notifications/unread-count'),
      person.get('/api/v1/files/usage'),
      person.get('/api/v1/users'),
      person.get(`/api/v1/projects/${randomUUID()}`),
      person.get('/api/v1/users/me'),
    ];
    await Promise.all(asks);
    expect(remainingOf(await person.get('/api/v1/users/me'))).toBe(before - asks.length - 1);
  });

  test('probes are not kept from asking', async () => {
    const address = randomAddress();
    const replies = await flood({
      requests: 300,
      connections: 10,
      head: (n) => [`GET /health/${n % 2 ? 'live' : 'ready'} HTTP/1.1`, forwardedFor(address)],
    });
    expect(count(replies, 200)).toBe(300);
  });
});

describe('addresses', () => {
  test('IPv6 clients share by /64', async () => {
    const [net, other] = [randomAddress(), randomAddress()];
    const host = (address: string, n: number) => address.replace(/::1$/, `:a:b:c:${n.toString(16)}`);
    const left: number[] = [];
    for (const n of times(5))
      left.push(
        remainingOf(
          await anyone()
            .from(host(net, n + 1))
            .get('/'),
        ),
      );
    expect(left).toEqual([99, 98, 97, 96, 95]);
    expect(remainingOf(await anyone().from(host(other, 1)).get('/'))).toBe(99);
  });

  test('IPv4 clients do not share, however their address is written', async () => {
    const [one, two] = [randomIpv4(), randomIpv4()];
    expect(remainingOf(await anyone().from(one).get('/'))).toBe(99);
    expect(remainingOf(await anyone().from(two).get('/'))).toBe(99);
    expect(remainingOf(await anyone().from(`::ffff:${one}`).get('/'))).toBe(98);
    expect(remainingOf(await anyone().from(`${one}:4711`).get('/'))).toBe(97);
  });

  test('what a client writes in front of its proxy’s entry counts for nothing', async () => {
    const real = randomAddress();
    const left: number[] = [];
    for (const forged of [
      randomAddress(),
      '127.0.0.1',
      'unknown',
      `${randomAddress()}, ${randomAddress()}`,
      '"',
      ' ',
    ]) {
      left.push(remainingOf(await anyone().from(`${forged}, ${real}`).get('/')));
    }
    expect(left).toEqual([99, 98, 97, 96, 95, 94]);
  });

  test('entries of trusted proxies are stepped over', async () => {
    const real = randomAddress();
    expect(remainingOf(await anyone().from(real).get('/'))).toBe(99);
    expect(remainingOf(await anyone().from(`${real}, 127.0.0.1`).get('/'))).toBe(98);
  });

  test('other forwarding headers count for nothing', async () => {
    const address = randomAddress();
    const left: number[] = [];
    for (const name of [
      'forwarded',
      'x-real-ip',
      'x-client-ip',
      'true-client-ip',
      'cf-connecting-ip',
      'x-forwarded-host',
    ]) {
      const value = name === 'forwarded' ? `for="[${randomAddress()}]"` : randomAddress();
      left.push(
        remainingOf(
          await anyone()
            .from(address)
            .get('/', { headers: { [name]: value } }),
        ),
      );
    }
    expect(left).toEqual([99, 98, 97, 96, 95, 94]);
  });
});

describe('sign-in and registration', () => {
  test('30 a minute and address, exactly, in a flood of both', async () => {
    const address = randomAddress();
    const replies = await Promise.all(
      times(SIGN_INS + 6).map((n) => {
        const client = new Client(undefined, address);
        const [email, password] = [randomEmail(), randomPassword()];
        return n % 3 === 0
          ? client.post('/api/v1/auth/register', { email, password, name: 'Flood' })
          : client.post('/api/v1/auth/login', { email, password });
      }),
    );
    const refused = replies.filter(({ status }) => status === 429);
    expect(replies.filter(({ status }) => status === 201 || status === 401)).toHaveLength(SIGN_INS);
    expect(refused).toHaveLength(6);
    for (const reply of refused)
      expect(Number(reply.fails(429, 'rate_limited').required('retry-after'))).toBeGreaterThan(0);
    (await new Client(undefined, address).get('/')).is(200);
    (await new Client().post('/api/v1/auth/login', { email: randomEmail(), password: 'x' })).is(401);
  });
});

describe('lock-out', () => {
  const attempt = (email: string, password: string) => anyone().post('/api/v1/auth/login', { email, password });

  /** Fails ten times, each from another address; then even the right password has to wait. */
  async function lockOut(email: string, password: string): Promise<Reply> {
    for (const n of times(FAILURES)) {
      (await attempt(n % 2 ? email : email.toUpperCase(), `wrong-password-${n}`)).fails(401, 'invalid_credentials');
    }
    const refused = (await attempt(email, password)).is(429);
    expect(Number(refused.required('retry-after'))).toBeGreaterThanOrEqual(1);
    return refused;
  }

  test('an account is locked after 10 failures, whatever the address', async () => {
    const person = await register();
    const refused = await lockOut(person.email, person.password);
    expect(refused.code).toBe('too_many_failures');
    (await person.get('/api/v1/users/me')).is(200);
  });

  test('an address that nobody has is treated alike', async () => {
    const refused = await lockOut(randomEmail(), 'whatever-it-is');
    expect(refused.code).toBe('too_many_failures');
  });

  test('a flood of guesses gets ten answers', async () => {
    const person = await register();
    const replies = await Promise.all(times(25).map((n) => attempt(person.email, `guess-number-${n}`)));
    expect(count(replies, 401)).toBeLessThanOrEqual(FAILURES);
    expect(count(replies, 401) + count(replies, 429)).toBe(25);
    (await attempt(person.email, person.password)).is(429);
  });
});

describe('refreshing', () => {
  test('60 a minute and session', async () => {
    let person = await register();
    for (const _n of times(60)) person = await person.refreshed();
    const refused = await anyone().post('/api/v1/auth/refresh', { refresh_token: person.tokens.refresh_token });
    expect(Number(refused.is(429).required('retry-after'))).toBeGreaterThan(0);
    const other = await person.signInAgain();
    await other.refreshed();
  });
});

describe('the window', () => {
  test('ends 60 s after its first request, whatever is refused meanwhile', async () => {
    const { start, answered, first, used, refused, open, openAsked, openAt } = await window;
    expect(resetOf(first)).toBe(60);
    expect(used.every(({ status }) => status === 200)).toBe(true);
    expect(refused.length).toBeGreaterThan(20);
    for (const { reply, atMs } of refused) {
      assertRefusal(reply, ANONYMOUS);
      // Whole seconds, rounded up; what the request took on its way lies in between.
      expect(resetOf(reply)).toBeGreaterThanOrEqual(Math.floor((start + WINDOW_MS - atMs) / 1000));
      expect(resetOf(reply)).toBeLessThanOrEqual(Math.ceil((answered + WINDOW_MS - atMs) / 1000) + 1);
    }
    expect(openAt - start).toBeGreaterThanOrEqual(WINDOW_MS);
    expect(openAsked - answered).toBeLessThan(WINDOW_MS + 2500);
    open.is(200);
    expect(remainingOf(open)).toBe(ANONYMOUS - 1);
    expect(resetOf(open)).toBe(60);
  }, 80_000);
});
