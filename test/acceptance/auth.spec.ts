import { createPublicKey, type JsonWebKey, randomUUID, verify } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { TIMESTAMP, UUID_V7 } from './support/answer-rules.js';
import { labelled } from './support/cases.js';
import { randomEmail, randomPassword, times } from './support/chance.js';
import { anyone, Client } from './support/client.js';
import { mailTo } from './support/mailbox.js';
import { administrator, type Person, register, signIn } from './support/people.js';
import type { Reply } from './support/reply.js';
import type { Profile, Session, SignedIn, Tokens } from './support/resources.js';
import { AT_ONCE_MS, eventually, pause } from './support/waiting.js';

const GRACE_MS = 10_000;
const me = '/api/v1/users/me';

const registering = (body: unknown) => anyone().post('/api/v1/auth/register', body);
const login = (email: string, password: string) => anyone().post('/api/v1/auth/login', { email, password });
const refresh = (tokens: Tokens) => anyone().post('/api/v1/auth/refresh', { refresh_token: tokens.refresh_token });
const tokensOf = (reply: Reply) => reply.is(200).data<{ tokens: Tokens }>().tokens;
const claimsOf = ({ access_token }: Tokens) =>
  JSON.parse(Buffer.from(access_token.split('.')[1] as string, 'base64url').toString()) as Record<string, unknown>;

/** Elsewhere than where it was ended, a session ends within a second. */
function ends(client: Client, what: string): Promise<Reply> {
  return eventually(
    () => client.get(me),
    (reply) => reply.is(200, 401).status === 401,
    { withinMs: AT_ONCE_MS, what },
  );
}

describe('registering', () => {
  test('makes an account and signs in', async () => {
    const [email, password] = [randomEmail(), randomPassword()];
    const reply = (await registering({ email, password, name: 'Ada Lovelace' })).is(201);
    const { user, tokens } = reply.data<SignedIn>();
    expect(user).toMatchObject({ email, name: 'Ada Lovelace', role: 'user', email_verified: false });
    expect(user.id).toMatch(UUID_V7);
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
    expect(tokens.refresh_expires_in).toBeGreaterThan(900);
    expect(reply.text).not.toContain(password);
    const profile = (await new Client(tokens.access_token).get(me)).is(200).data<Profile>();
    expect(profile).toMatchObject({ id: user.id, email, name: 'Ada Lovelace', role: 'user', status: 'active' });
    expect(profile.created_at).toMatch(TIMESTAMP);
  });

  test('an e-mail address is taken in any case', async () => {
    const [email, password] = [randomEmail(), randomPassword()];
    (await registering({ email: email.toUpperCase(), password, name: 'Ada' })).is(201);
    (await registering({ email, password: randomPassword(), name: 'Eve' })).fails(409, 'email_taken');
    expect((await registering({ email, password: randomPassword(), name: 'Eve' })).error.details?.[0]?.field).toBe(
      'email',
    );
    expect((await login(email, password)).is(200).data<SignedIn>().user.email).toBe(email);
  });

  test('of ten at once with the same address one succeeds', async () => {
    const email = randomEmail();
    const attempts = times(10).map((n) => ({ email, password: randomPassword(), name: `Racer ${n}` }));
    const replies = await Promise.all(attempts.map(registering));
    const winner = replies.findIndex(({ status }) => status === 201);
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const [n, reply] of replies.entries()) if (n !== winner) reply.fails(409, 'email_taken');
    const { user } = (await login(email, attempts[winner]?.password ?? '')).is(200).data<SignedIn>();
    expect(user.name).toBe(`Racer ${winner}`);
    (await login(email, attempts[winner === 0 ? 1 : 0]?.password ?? '')).is(401);
  });

  test.each([
    ['too short', () => 'Ab3$efgh9', 'password_too_short'],
    ['common', () => 'password123', 'password_too_common'],
    ['common in capitals', () => 'QWERTYUIOP', 'password_too_common'],
    ['with the name of the address', (email: string) => `xx-${email.split('@')[0]}-yy`, 'password_contains_email'],
    [
      'with that in capitals',
      (email: string) => `xx-${email.split('@')[0]?.toUpperCase()}-yy`,
      'password_contains_email',
    ],
  ])('a weak password is refused: %s', async (_what, password, code) => {
    const email = randomEmail();
    const reply = (await registering({ email, password: password(email), name: 'Ada' })).is(400);
    expect(reply.error.details).toEqual(expect.arrayContaining([expect.objectContaining({ code, field: 'password' })]));
    expect(reply.text).not.toContain(password(email));
  });

  test('all is said at once', async () => {
    const reply = (await registering({ email: 'nobody', password: 'short', name: '', role: 'admin' })).is(400);
    expect(new Set(reply.error.details?.map(({ field }) => field))).toEqual(
      new Set(['email', 'password', 'name', 'role']),
    );
  });

  test.each(
    labelled(
      '',
      'ada',
      'ada@',
      '@example.test',
      'a b@example.test',
      'ada@example',
      'ada@@example.test',
      'ada@example.test\n.x',
      `${'a'.repeat(300)}@example.test`,
    ),
  )('what is no e-mail address is refused: %s', async (_label, email) => {
    expect(
      (await registering({ email, password: randomPassword(), name: 'Ada' })).is(400).error.details?.[0]?.field,
    ).toBe('email');
  });

  test('a password may be long and in any script, and is taken whole', async () => {
    const email = randomEmail();
    const password = `correct ✓ лошадь 電池 ${'x'.repeat(180)}`;
    (await registering({ email, password, name: 'Ada' })).is(201);
    (await login(email, password)).is(200);
    (await login(email, password.slice(0, -1))).is(401);
    (await login(email, `${password} `)).is(401);
  });
});

describe('signing in', () => {
  let ada: Person;
  beforeAll(async () => {
    ada = await register();
  });

  test('opens a session of its own', async () => {
    const [one, two] = await Promise.all([signIn(ada.email, ada.password), signIn(ada.email, ada.password)]);
    expect(claimsOf(one.tokens).sid).not.toBe(claimsOf(two.tokens).sid);
    expect(one.tokens.refresh_token).not.toBe(two.tokens.refresh_token);
    expect(one.user.id).toBe(ada.id);
  });

  test('a wrong password and an unknown address are told alike', async () => {
    const wrong = (await login(ada.email, randomPassword())).fails(401, 'invalid_credentials');
    const unknown = (await login(randomEmail(), randomPassword())).fails(401, 'invalid_credentials');
    const told = (reply: Reply) => ({ ...reply.json, request_id: '' });
    expect(told(unknown)).toEqual(told(wrong));
    const names = (reply: Reply) => [...reply.headers.keys()].sort();
    expect(names(unknown)).toEqual(names(wrong));
    expect(unknown.header('www-authenticate')).toBe(wrong.header('www-authenticate'));
  });

  test('and take the same time', async () => {
    const bob = await register();
    const took = { wrong: [] as number[], unknown: [] as number[] };
    const timed = async (email: string, into: number[]): Promise<void> => {
      const start = performance.now();
      (await login(email, 'not-the-password')).is(401);
      into.push(performance.now() - start);
    };
    for (const _n of times(7)) {
      await timed(bob.email, took.wrong);
      await timed(randomEmail(), took.unknown);
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[3] as number;
    // A password hash takes tens of milliseconds, an answer without one a few.
    expect(median(took.unknown)).toBeGreaterThan(median(took.wrong) * 0.5);
    expect(median(took.wrong)).toBeGreaterThan(median(took.unknown) * 0.5);
  });

  test.each([
    {},
    { email: 'x' },
    { email: null, password: 1 },
    { email: [], password: {} },
  ])('what is no sign-in is refused: %j', async (body) => {
    const fields = (await anyone().post('/api/v1/auth/login', body)).is(400).error.details?.map(({ field }) => field);
    expect(fields).toContain('password' in body ? 'email' : 'password');
  });

  test('a crowd is served, or told to come again', async () => {
    const replies = await Promise.all(times(24).map(() => login(randomEmail(), 'not-the-password')));
    for (const reply of replies) {
      if (reply.status === 503) reply.fails(503, 'overloaded');
      else reply.fails(401, 'invalid_credentials');
    }
    expect(replies.filter(({ status }) => status === 401).length).toBeGreaterThan(5);
    (await ada.get(me)).is(200);
  });
});

describe('access tokens', () => {
  interface KeySet {
    readonly keys: readonly (JsonWebKey & { readonly kid: string; readonly alg: string; readonly use: string })[];
  }

  test('are signed with a published key', async () => {
    const { tokens } = await register();
    const [head, claims, signature] = tokens.access_token.split('.') as [string, string, string];
    const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>;
    expect(header.alg).toBe('ES256');
    const set = (await anyone().get('/.well-known/jwks.json')).is(200).json as unknown as KeySet;
    for (const key of set.keys)
      expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', kid: expect.any(String) });
    expect(JSON.stringify(set)).not.toContain('"d"');
    const jwk = set.keys.find(({ kid }) => kid === header.kid);
    expect(jwk).toBeDefined();
    const key = { key: createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(verify('sha256', Buffer.from(`${head}.${claims}x`), key, Buffer.from(signature, 'base64url'))).toBe(false);
  });

  test('say who, since when, until when and for whom', async () => {
    const ada = await register();
    const claims = claimsOf(ada.tokens);
    expect(claims).toMatchObject({ sub: ada.id, role: 'user', iss: expect.any(String), aud: expect.anything() });
    for (const name of ['sid', 'scope', 'amr', 'jti']) expect(claims).toHaveProperty(name);
    expect(Number(claims.exp) - Number(claims.iat)).toBe(900);
    expect(Math.abs(Number(claims.iat) * 1000 - Date.now())).toBeLessThan(10_000);
    expect(JSON.stringify(claims)).not.toContain(ada.password);
    expect(claimsOf((await ada.refreshed()).tokens).jti).not.toBe(claims.jti);
  });
});

describe('refreshing', () => {
  test('rotates: new tokens of the same session', async () => {
    const ada = await register();
    const next = await ada.refreshed();
    expect(next.tokens.refresh_token).not.toBe(ada.tokens.refresh_token);
    expect(claimsOf(next.tokens).sid).toBe(claimsOf(ada.tokens).sid);
    expect(next.tokens).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
    (await next.get(me)).is(200);
    await next.refreshed();
  });

  test('in a race of fifty all get the same successor', async () => {
    const ada = await register();
    const replies = await Promise.all(times(50).map(() => refresh(ada.tokens)));
    const successors = new Set(replies.map((reply) => tokensOf(reply).refresh_token));
    expect(successors.size).toBe(1);
    for (const reply of replies.slice(0, 5)) (await new Client(tokensOf(reply).access_token).get(me)).is(200);
    tokensOf(await refresh(tokensOf(replies[0] as Reply)));
  });

  test('of a used token outside the grace ends the session', async () => {
    const ada = await register();
    const other = await ada.signInAgain();
    const asked = performance.now();
    const next = await ada.refreshed();
    const answered = performance.now();
    const again = await refresh(ada.tokens);
    expect(tokensOf(again).refresh_token).toBe(next.tokens.refresh_token);
    for (;;) {
      const before = performance.now();
      const reply = await refresh(ada.tokens);
      if (reply.status === 401) {
        reply.fails(401, 'token_reused');
        expect(performance.now() - asked).toBeGreaterThanOrEqual(GRACE_MS - 100);
        break;
      }
      expect(tokensOf(reply).refresh_token).toBe(next.tokens.refresh_token);
      expect(before - answered).toBeLessThan(GRACE_MS + 1000);
      await pause(before - answered < GRACE_MS - 1000 ? 500 : 100);
    }
    await ends(next, 'the stolen session ended');
    (await refresh(next.tokens)).is(401);
    (await refresh(ada.tokens)).is(401);
    (await other.get(me)).is(200);
    await other.refreshed();
  });

  test.each(
    labelled('x', '', 'a.b.c', 'null', '0.0.0', 'x'.repeat(600)),
  )('with rubbish is refused: %s', async (_label, refresh_token) => {
    (await anyone().post('/api/v1/auth/refresh', { refresh_token })).is(401, 400);
  });

  test('with a changed token is refused, and ends nothing', async () => {
    const ada = await register();
    const { refresh_token } = ada.tokens;
    for (const at of [0, refresh_token.length >> 1, refresh_token.length - 2]) {
      const other = refresh_token[at] === 'a' ? 'b' : 'a';
      const changed = refresh_token.slice(0, at) + other + refresh_token.slice(at + 1);
      (await anyone().post('/api/v1/auth/refresh', { refresh_token: changed })).is(401);
    }
    (await anyone().post('/api/v1/auth/refresh', { refresh_token: ada.tokens.access_token })).is(401, 400);
    (await ada.get(me)).is(200);
    await ada.refreshed();
  });

  test('a refresh token opens nothing else', async () => {
    const ada = await register();
    (await new Client(ada.tokens.refresh_token).get(me)).is(401);
  });

  test('an expired or ended access token does not stand in its way', async () => {
    const ada = await register();
    const reply = await new Client('long.gone.token').post('/api/v1/auth/refresh', {
      refresh_token: ada.tokens.refresh_token,
    });
    reply.is(200);
  });
});

describe('signing out', () => {
  test('works at once, for access and refresh tokens', async () => {
    const ada = await register();
    const other = await ada.signInAgain();
    (await ada.get(me)).is(200);
    (await ada.post('/api/v1/auth/logout')).is(204);
    (await ada.get(me)).fails(401, 'session_ended');
    for (const path of ['/api/v1/projects', '/api/v1/files', '/api/v1/notifications', '/api/v1/auth/sessions']) {
      (await ada.get(path)).is(401);
    }
    (await refresh(ada.tokens)).is(401);
    (await ada.post('/api/v1/auth/logout')).is(401);
    (await other.get(me)).is(200);
  });

  test('holds for tokens that the session was given before', async () => {
    const ada = await register();
    const next = await ada.refreshed();
    (await ada.get(me)).is(200);
    (await next.post('/api/v1/auth/logout')).is(204);
    (await next.get(me)).is(401);
    (await ada.get(me)).is(401);
  });

  test('everywhere ends every session, and no one else’s', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const others = await Promise.all(times(4).map(() => ada.signInAgain()));
    (await ada.post('/api/v1/auth/logout-all')).is(204);
    (await ada.get(me)).is(401);
    for (const other of others) {
      await ends(other, 'another session ended');
      (await refresh(other.tokens)).is(401);
    }
    (await bob.get(me)).is(200);
    (await (await ada.signInAgain()).get(me)).is(200);
  });

  test('in a race with a refresh leaves nothing open', async () => {
    for (const _n of times(4)) {
      const ada = await register();
      const [, reply] = await Promise.all([ada.post('/api/v1/auth/logout'), refresh(ada.tokens)]);
      if (reply.status !== 200) continue;
      const tokens = tokensOf(reply);
      await ends(new Client(tokens.access_token), 'the refreshed session ended');
      (await refresh(tokens)).is(401);
    }
  });
});

describe('sessions', () => {
  const list = async (client: Client) => (await client.get('/api/v1/auth/sessions')).is(200).data<Session[]>();

  test('are listed with where and when, and which one asks', async () => {
    const ada = await register();
    const agent = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' };
    const address = '198.18.77.7';
    const body = { email: ada.email, password: ada.password };
    const reply = await anyone().from(address).send('POST', '/api/v1/auth/login', { json: body, headers: agent });
    const other = ada.holding(reply.is(200).data<SignedIn>().tokens);
    const sessions = await list(other);
    expect(sessions).toHaveLength(2);
    expect(sessions.map(({ id }) => id).sort()).toEqual([claimsOf(ada.tokens).sid, claimsOf(other.tokens).sid].sort());
    const current = sessions.find((session) => session.current);
    expect(current?.id).toBe(claimsOf(other.tokens).sid);
    expect(current?.created_at).toMatch(TIMESTAMP);
    expect(current?.last_used_at).toMatch(TIMESTAMP);
    expect(current?.device).toMatch(/Firefox/);
    expect(JSON.stringify(current)).toContain(address);
    expect((await list(ada)).find((session) => session.current)?.id).toBe(claimsOf(ada.tokens).sid);
  });

  test('one’s own can be ended, one by one', async () => {
    const ada = await register();
    const [one, two] = await Promise.all([ada.signInAgain(), ada.signInAgain()]);
    (await ada.delete(`/api/v1/auth/sessions/${claimsOf(one.tokens).sid}`)).is(204);
    await ends(one, 'the session ended');
    (await refresh(one.tokens)).is(401);
    (await two.get(me)).is(200);
    expect((await list(ada)).map(({ id }) => id)).not.toContain(claimsOf(one.tokens).sid);
    (await ada.delete(`/api/v1/auth/sessions/${claimsOf(ada.tokens).sid}`)).is(204);
    (await ada.get(me)).is(401);
  });

  test('somebody else’s are not there', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    (await bob.delete(`/api/v1/auth/sessions/${claimsOf(ada.tokens).sid}`)).fails(404, 'session_not_found');
    (await bob.delete(`/api/v1/auth/sessions/${randomUUID()}`)).fails(404, 'session_not_found');
    (await ada.get(me)).is(200);
    expect(await list(bob)).toHaveLength(1);
  });
});

describe('changing the password', () => {
  const change = (client: Client, current_password: string, new_password: string) =>
    client.post('/api/v1/auth/password/change', { current_password, new_password });

  test('ends the other sessions and tells the owner', async () => {
    const ada = await register();
    const other = await ada.signInAgain();
    const password = randomPassword();
    (await change(ada, ada.password, password)).is(204);
    await ends(other, 'the other session ended');
    (await refresh(other.tokens)).is(401);
    (await ada.get(me)).is(200);
    await ada.refreshed();
    (await login(ada.email, ada.password)).is(401);
    (await login(ada.email, password)).is(200);
    const mail = await mailTo(ada.email, /password/i);
    expect(JSON.stringify(mail)).not.toContain(password);
  });

  test('asks for the present one', async () => {
    const ada = await register();
    const other = await ada.signInAgain();
    (await change(ada, 'not-the-password', randomPassword())).fails(401, 'invalid_credentials');
    (await login(ada.email, ada.password)).is(200);
    (await other.get(me)).is(200);
  });

  test.each([
    ['too short', 'Ab3$efgh9', 'password_too_short'],
    ['common', 'iloveyou12', 'password_too_common'],
  ])('keeps to the policy: %s', async (_what, password, code) => {
    const ada = await register();
    (await change(ada, ada.password, password)).fails(400, code);
    (await login(ada.email, ada.password)).is(200);
  });

  test('needs a session', async () => {
    (await change(anyone(), 'x', randomPassword())).is(401);
  });
});

describe('administration', () => {
  const people = '/api/v1/users?limit=1';

  test('a new role holds at once, in both directions', async () => {
    const [admin, ada] = await Promise.all([administrator(), register()]);
    (await ada.get(people)).fails(403, 'forbidden');
    (await admin.put(`/api/v1/auth/users/${ada.id}/role`, { role: 'admin' })).is(200);
    const raised = await ada.refreshed();
    expect(claimsOf(raised.tokens).role).toBe('admin');
    (await raised.get(people)).is(200);
    expect((await raised.get(me)).data<Profile>().role).toBe('admin');
    (await admin.put(`/api/v1/auth/users/${ada.id}/role`, { role: 'user' })).is(200);
    await eventually(
      () => raised.get(people),
      ({ status }) => status === 401 || status === 403,
      {
        withinMs: AT_ONCE_MS,
        what: 'the former administrator shut out',
      },
    );
    const lowered = await raised.refreshed();
    expect(claimsOf(lowered.tokens).role).toBe('user');
    (await lowered.get(people)).fails(403, 'forbidden');
  });

  test('is for administrators', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    (await ada.put(`/api/v1/auth/users/${ada.id}/role`, { role: 'admin' })).fails(403, 'forbidden');
    (await ada.post(`/api/v1/auth/users/${bob.id}/lock`)).fails(403, 'forbidden');
    (await anyone().put(`/api/v1/auth/users/${bob.id}/role`, { role: 'admin' })).is(401);
    const admin = await administrator();
    (await admin.put(`/api/v1/auth/users/${ada.id}/role`, { role: 'emperor' })).is(400);
    (await admin.put(`/api/v1/auth/users/${randomUUID()}/role`, { role: 'admin' })).is(404);
  });

  test('a locked account is shut out until it is unlocked', async () => {
    const [admin, ada] = await Promise.all([administrator(), register()]);
    (await admin.post(`/api/v1/auth/users/${ada.id}/lock`)).is(200, 204);
    await ends(ada, 'the locked account shut out');
    (await refresh(ada.tokens)).is(401, 403);
    (await login(ada.email, ada.password)).is(401, 403, 429);
    (await login(ada.email, 'not-the-password')).fails(401, 'invalid_credentials');
    (await admin.post(`/api/v1/auth/users/${ada.id}/unlock`)).is(200, 204);
    (await (await ada.signInAgain()).get(me)).is(200);
  });
});
