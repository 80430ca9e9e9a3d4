import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newApiKey } from '@nexus/auth-guards';
import { ApiKeys, Sessions, TokenTrust, UserDirectory } from '@nexus/contracts';
import { serviceActor, uuidv7 } from '@nexus/kernel';
import {
  CONTRACT_CALLER,
  MemoryUserDirectory,
  portContract,
  startTestApp,
  type TestApp,
  testServiceContext,
  testUser,
} from '@nexus/testing';
import { authService } from '../index.js';
import { LocalApiKeys } from './api-keys.local.js';
import { LocalSessions } from './sessions.local.js';
import { LocalTokenTrust } from './token-trust.local.js';

let app: TestApp;

const get = <T>(token: abstract new (...args: never[]) => T): T =>
  app.running.app.nest.get(token as never, { strict: false });

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: { ARGON2_MEMORY_KIB: '64', ARGON2_TIME: '1', RATE_LIMIT_SIGN_IN: '100000', RATE_LIMIT_ANONYMOUS: '100000' },
  });
}, 30_000);

afterAll(() => app.stop());

const service = serviceActor(CONTRACT_CALLER);

/** Makes an account with one session. */
async function signUp(): Promise<{ user: { id: string }; tokens: { access_token: string } }> {
  const body = { email: `${uuidv7()}@example.com`, password: 'a long enough secret', name: 'Person' };
  return (await app.call('POST', '/api/v1/auth/register', { body })).body.data;
}

describe('API keys, exchanged from the same process and from another', () => {
  let key: string;

  beforeAll(async () => {
    const { tokens } = await signUp();
    const body = { name: 'Spec', scopes: ['files:read'] };
    const reply = await app.call('POST', '/api/v1/auth/api-keys', { token: tokens.access_token, body });
    key = reply.body.data.secret;
  });

  const nothing = (answer: unknown) => expect(answer).toEqual({ exchanged: null });
  const cases = portContract(ApiKeys, {
    provider: () => get(LocalApiKeys),
    calls: () => [
      {
        method: 'exchange',
        input: { key },
        actor: service,
        check: (answer) =>
          expect(answer).toEqual({
            exchanged: { token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/), expires_in: 50 },
          }),
      },
      { method: 'exchange', input: { key: newApiKey() }, actor: service, check: nothing },
      { method: 'exchange', input: { key: 'nx_nobody' }, check: nothing },
      { method: 'exchange', input: { key: '' }, check: nothing },
      { method: 'exchange', input: { key: "'; -- é\u{1f600}" }, check: nothing },
    ],
  });
  test.each(cases)('$name', ({ run }) => run());
});

describe('sign-ins, from the same process and from another', () => {
  const nothing = (answer: unknown) => expect(answer).toEqual({ revoked: 0 });
  const cases = portContract(Sessions, {
    provider: () => get(LocalSessions),
    calls: () => [
      { method: 'revokeAll', input: { user_id: uuidv7(), reason: 'spec' }, actor: service, check: nothing },
      { method: 'revokeAll', input: { user_id: uuidv7(), reason: 'spec' }, actor: testUser({ role: 'admin' }) },
      { method: 'applyStatus', input: { user_id: uuidv7(), status: 'deactivated', version: 1 }, check: nothing },
    ],
  });
  test.each(cases)('$name', ({ run }) => run());
});

describe('trust in tokens, from the same process and from another', () => {
  const cases = portContract(TokenTrust, {
    provider: () => get(LocalTokenTrust),
    calls: () => [
      {
        method: 'keys',
        input: {},
        actor: service,
        check: (answer) => expect(answer).toMatchObject({ keys: [{ alg: 'ES256' }] }),
      },
      { method: 'revocations', input: { after: 0 }, actor: service },
    ],
    tell: {
      subscribe: async () => {
        const user_id = (await signUp()).user.id;
        const { revoked } = await get(LocalSessions).revokeAll(testServiceContext(CONTRACT_CALLER), {
          user_id,
          reason: 'spec',
        });
        expect(revoked).toBe(1);
      },
    },
  });
  test.each(cases)('$name', ({ run }) => run());
});
