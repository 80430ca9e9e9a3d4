import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, Module, Req } from '@nestjs/common';
import { newApiKey, Public, Scopes } from '@nexus/auth-guards';
import { ApiKeys } from '@nexus/contracts';
import { Caller, Ctx, Endpoint } from '@nexus/http';
import { type AppError, type CallContext, errors, type UserActor, uuidv7 } from '@nexus/kernel';
import { startTestApp, type TestApp, type TestReply } from '@nexus/testing';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { defineService } from '../define-service.js';

const seen = z.object({ id: z.string(), key: z.string().nullable(), headers: z.record(z.string(), z.unknown()) });

@Controller('api/v1/things')
class ThingsController {
  @Scopes('files:read')
  @Endpoint('GET', '', { operation: 'readThings', summary: 'Read', response: seen })
  read(@Caller() caller: UserActor, @Ctx() ctx: CallContext, @Req() { raw }: FastifyRequest) {
    return {
      id: caller.id,
      key: caller.keyId ?? null,
      headers: { ...raw.headers, handedOn: `Bearer ${ctx.credential}` },
    };
  }

  @Scopes('files:write')
  @Endpoint('POST', '', { operation: 'writeThings', summary: 'Write' })
  async write(): Promise<void> {}

  @Endpoint('GET', 'people', { operation: 'readPeople', summary: 'For people' })
  async people(): Promise<void> {}

  @Public()
  @Endpoint('GET', 'open', { operation: 'readOpen', summary: 'For all' })
  async open(): Promise<void> {}
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

const things = defineService({ name: 'file', port: 0, module: async () => ThingsModule });

const owner = uuidv7();
const keyId = uuidv7();
const key = newApiKey();
let app: TestApp;
let without: TestApp;
let fault: AppError | undefined;

const keys: ApiKeys = {
  exchange: async (_ctx, input) => {
    if (fault) throw fault;
    if (input.key !== key) return { exchanged: null };
    const token = app.mint.token({ sub: owner, sid: keyId, api_key: keyId, scope: 'files:read' });
    return { exchanged: { token, expires_in: 60 } };
  },
};

beforeAll(async () => {
  app = await startTestApp({ services: [things], doubles: [{ port: ApiKeys, instance: keys }] });
  without = await startTestApp({ services: [things] });
}, 30_000);

afterAll(async () => {
  await app.stop();
  await without.stop();
});

afterEach(() => {
  fault = undefined;
});

const path = '/api/v1/things';
const code = ({ status, body }: TestReply) => [status, body.details?.[0]?.code];
const call = (method: string, target: string, value: string, headers: Record<string, string> = {}) =>
  app.call(method, target, { headers: { 'x-api-key': value, ...headers } });

/** Sends bytes as they are; the status of the answer. */
function raw(...lines: string[]): Promise<number> {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (data: Buffer) => {
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(data.toString('latin1'))?.[1]));
      socket.destroy();
    });
    socket.write(`${['GET /api/v1/things HTTP/1.1', 'Host: x', ...lines].join('\r\n')}\r\n\r\n`, 'latin1');
  });
}

describe('an API key', () => {
  test('lets its owner in, and what goes on is a token in its place', async () => {
    for (let i = 0; i < 2; i++) {
      const { status, body, text } = await call('GET', path, key);
      expect([status, body.data.id, body.data.key]).toEqual([200, owner, keyId]);
      const { headers } = body.data;
      expect(headers.authorization).toMatch(/^Bearer [\w-]+\.[\w-]+\.[\w-]+$/);
      expect(headers.handedOn).toBe(headers.authorization);
      expect(text).not.toContain(key);
    }
  });

  test('does what its scopes say and nothing else', async () => {
    const refused = await call('POST', path, key);
    expect(code(refused)).toEqual([403, 'insufficient_scope']);
    expect(refused.headers.get('www-authenticate')).toContain('scope="files:write"');
    expect(code(await call('GET', `${path}/people`, key))).toEqual([403, 'api_key_not_accepted']);
    expect((await call('GET', `${path}/open`, key)).status).toBe(204);
    const token = app.token();
    expect((await app.call('POST', path, { token })).status).toBe(204);
    expect((await app.call('GET', `${path}/people`, { token })).status).toBe(204);
  });

  test('is not looked at beside Authorization', async () => {
    const person = uuidv7();
    const authorization = `Bearer ${app.token({ sub: person })}`;
    expect((await call('GET', path, key, { authorization })).body.data).toMatchObject({ id: person, key: null });
    expect((await call('GET', path, 'rubbish', { authorization })).status).toBe(200);
    expect(code(await call('GET', path, key, { authorization: 'Bearer a.b.c' }))).toEqual([401, 'token_invalid']);
    expect(code(await call('GET', path, key, { authorization: 'Basic YTpi' }))).toEqual([401, 'token_invalid']);
  });

  test('is a caller of its own to the limits', async () => {
    const left = async (reply: Promise<TestReply>) => Number((await reply).headers.get('ratelimit-remaining'));
    const token = app.token({ sub: owner });
    const ofKey = await left(call('GET', path, key));
    expect(await left(app.call('GET', path, { token }))).toBe(999);
    expect(await left(call('POST', path, key))).toBe(ofKey - 1);
    expect(await left(app.call('GET', path, { token }))).toBe(998);
    const anonymous = await left(app.call('GET', `${path}/open`));
    expect(await left(call('GET', path, newApiKey()))).toBe(anonymous - 1);
    expect(await left(call('GET', path, 'nx_nobody'))).toBe(anonymous - 2);
  });

  test('that is none is refused, on a route that needs somebody', async () => {
    for (const value of [
      '',
      'nx_',
      'nx_nobody_has_this',
      key.slice(0, -1),
      `${key}0`,
      newApiKey(),
      'x'.repeat(8_000),
    ]) {
      const reply = await call('GET', path, value);
      expect(code(reply)).toEqual([401, 'api_key_invalid']);
      expect(reply.headers.get('www-authenticate')).toBe('Bearer realm="nexus"');
      expect((await call('GET', `${path}/open`, value)).status).toBe(204);
    }
  });

  test('sent twice, in other characters, or too large for a header is refused', async () => {
    expect(await raw(`X-API-Key: ${key}`)).toBe(200);
    expect(await raw(`X-API-Key:   ${key}  `)).toBe(200);
    expect(await raw(`X-API-Key: ${key}`, `X-API-Key: ${key}`)).toBe(401);
    expect(await raw(`X-API-Key: ${key}\xe9`)).toBe(401);
    expect(await raw(`X-API-Key: ${key}\u0000`)).toBe(400);
    expect(await raw(`X-API-Key: ${'a'.repeat(1024 * 1024)}`)).toBe(431);
    expect(await raw(...Array.from({ length: 90 }, () => `X-API-Key: ${key}`))).toBe(401);
    expect(await raw(`X_API_Key: ${key}`)).toBe(401);
  });

  test('gets no answer about itself while auth gives none', async () => {
    fault = errors.unavailable();
    const reply = await call('GET', path, newApiKey());
    expect(code(reply)).toEqual([503, 'unavailable']);
    expect(reply.headers.get('retry-after')).toBe('1');
    expect((await call('GET', `${path}/open`, newApiKey())).status).toBe(204);
    // Who is known has a token for a while.
    expect((await call('GET', path, key)).status).toBe(200);
  });

  test('is taken nowhere where nobody can exchange it', async () => {
    const reply = await without.call('GET', path, { headers: { 'x-api-key': key } });
    expect(code(reply)).toEqual([401, 'unauthenticated']);
  });

  test('that ended is refused at once', async () => {
    expect((await call('GET', path, key)).status).toBe(200);
    app.mint.revoke(keyId);
    expect(code(await call('GET', path, key))).toEqual([401, 'api_key_invalid']);
  });
});
