import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UserDirectory } from '@nexus/contracts';
import { MemoryUserDirectory, startTestApp, type TestApp } from '@nexus/testing';
import { authService } from '../index.js';

const directory = new MemoryUserDirectory();
let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: directory }],
    env: { ARGON2_MEMORY_KIB: '64', ARGON2_TIME: '1', RATE_LIMIT_SIGN_IN: '100000', RATE_LIMIT_ANONYMOUS: '100000' },
  });
}, 30_000);

afterAll(async () => {
  await app.stop();
});

describe('register', () => {
  it('makes an account and signs in', async () => {
    const reply = await app.call('POST', '/api/v1/auth/register', {
      body: { email: ' Ada@Example.com', password: 'a long enough secret', name: ' Ada ' },
    });
    expect(reply.status).toBe(201);
    console.log(JSON.stringify(reply.body, null, 1), [...reply.headers]);
  });
});
