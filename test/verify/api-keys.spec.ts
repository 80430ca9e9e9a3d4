import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENCE_MS, until } from './support/conditions.js';
import { Fleet } from './support/fleet.js';
import type { Instance } from './support/instance.js';
import { call, type Person, register } from './support/people.js';

const WORKERS = 4;
const KEYS = 100;

interface Key {
  readonly id: string;
  readonly secret: string;
}

let fleet: Fleet;
let auth: Instance;
let nearUrl: string;
let farUrl: string;
let ada: Person;

beforeAll(async () => {
  fleet = await Fleet.start({ processes: ['gateway', 'gateway', 'auth', 'user,project,file,notification'] });
  auth = fleet.one('auth');
  [nearUrl, farUrl] = fleet.of('gateway').map(({ port }) => `http://127.0.0.1:${port}`) as [string, string];
  ada = await register(nearUrl);
}, 2 * PATIENCE_MS);

afterAll(() => fleet?.close(), PATIENCE_MS);

async function newKey(): Promise<Key> {
  const body = { name: 'One of many', scopes: ['projects:read'] };
  const { status, data } = await call<Key>(nearUrl, 'POST', '/api/v1/auth/api-keys', { token: ada.token, body });
  expect(status).toBe(201);
  return data;
}

/** What a gateway says to somebody who comes with a key. */
async function ask(url: string, apiKey: string): Promise<string> {
  const { status, code } = await call(url, 'GET', '/api/v1/projects', { apiKey });
  return status === 200 ? 'accepted' : `${status} ${code}`;
}

describe('an API key that ended', () => {
  test(
    'lets nobody in anywhere from the moment at which that is answered',
    async () => {
      const verdicts: string[] = [];
      const worker = async () => {
        for (let i = 0; i < KEYS / WORKERS; i++) {
          const { id, secret } = await newKey();
          // Remembered by both.
          expect(await Promise.all([ask(farUrl, secret), ask(nearUrl, secret)])).toEqual(['accepted', 'accepted']);
          const { status } = await call(nearUrl, 'DELETE', `/api/v1/auth/api-keys/${id}`, { token: ada.token });
          expect(status).toBe(204);
          verdicts.push(await ask(farUrl, secret), await ask(nearUrl, secret));
        }
      };
      await Promise.all(Array.from({ length: WORKERS }, worker));
      expect(verdicts).toHaveLength(2 * KEYS);
      expect([...new Set(verdicts)]).toEqual(['401 api_key_invalid']);
    },
    PATIENCE_MS,
  );
});

describe('while auth is away', () => {
  test(
    'keys that are known serve on, and of others nothing is said until it is back',
    async () => {
      const [known, unknown] = [await newKey(), await newKey()];
      expect(await ask(farUrl, known.secret)).toBe('accepted');
      await auth.kill();
      expect(await ask(farUrl, known.secret)).toBe('accepted');
      const { status, headers } = await call(farUrl, 'GET', '/api/v1/projects', { apiKey: unknown.secret });
      expect([status, headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)]);
      expect(await ask(farUrl, 'nx_nobody')).toBe('401 api_key_invalid');
      await auth.start();
      await until(async () => (await ask(farUrl, unknown.secret)) === 'accepted', 'the other key is taken');
      expect(await ask(farUrl, known.secret)).toBe('accepted');
    },
    PATIENCE_MS,
  );
});
