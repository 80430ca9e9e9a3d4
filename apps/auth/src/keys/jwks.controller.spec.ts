import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { publicJwk, UserDirectory } from '@nexus/contracts';
import { MemoryUserDirectory, startTestApp, type TestApp } from '@nexus/testing';
import { authService } from '../index.js';

const PATH = '/.well-known/jwks.json';
let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: { ARGON2_MEMORY_KIB: '64', ARGON2_TIME: '1' },
  });
}, 30_000);

afterAll(async () => {
  await app.stop();
});

describe('GET /.well-known/jwks.json', () => {
  it('is a JWK set as RFC 7517 wants it, for anyone, for five minutes', async () => {
    const reply = await app.call('GET', PATH);
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body)).toEqual(['keys']);
    expect(reply.body.keys.map((key: unknown) => publicJwk.strict().safeParse(key).success)).toEqual([true]);
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(reply.headers.get('cache-control')).toBe('public, max-age=300');
    expect(reply.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(reply.headers.get('ratelimit-limit')).toBe('100');
  });

  it('holds the key of the tokens that are handed out', async () => {
    const body = { email: 'ada@example.com', password: 'a long enough secret', name: 'Ada' };
    const { access_token } = (await app.call('POST', '/api/v1/auth/register', { body })).body.data.tokens;
    const { kid } = JSON.parse(Buffer.from(access_token.split('.')[0], 'base64url').toString());
    const set = await app.call('GET', PATH);
    expect(set.body.keys.map((key: { kid: string }) => key.kid)).toContain(kid);
  });

  it('knows HEAD and If-None-Match', async () => {
    const full = await app.call('GET', PATH);
    const etag = full.headers.get('etag') as string;
    const same = await app.call('GET', PATH, { headers: { 'if-none-match': etag } });
    expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag]);
    const head = await app.call('HEAD', PATH);
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([
      200,
      '',
      full.headers.get('content-length'),
    ]);
  });
});
