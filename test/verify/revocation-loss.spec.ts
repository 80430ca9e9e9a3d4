import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENCE_MS, until } from './support/conditions.js';
import { Fleet } from './support/fleet.js';
import { Follower } from './support/follower.js';
import type { Instance } from './support/instance.js';
import { call, register, signIn } from './support/people.js';

const GRACE_MS = 3_000;
/** The longest silence that means nothing. */
const SIGN_OF_LIFE_MS = 1_000;

/** Two gateways, of which each knows one of two instances of auth; the other services know both. */
const [NEAR, FAR] = [2, 3];
const PROCESSES = [
  { targets: 'gateway', sees: { auth: [NEAR] } },
  { targets: 'gateway', sees: { auth: [FAR] } },
  'auth',
  'auth',
  'user,project,file,notification',
];

let fleet: Fleet;

beforeAll(async () => {
  fleet = await Fleet.start({
    processes: PROCESSES,
    env: { REVOCATION_GRACE_SECONDS: String(GRACE_MS / 1000) },
  });
}, 2 * PATIENCE_MS);

afterAll(() => fleet?.close(), PATIENCE_MS);

describe('a gateway whose auth hangs', () => {
  test(
    'takes tokens for the grace, nobody after it, and nobody ever whose session ended meanwhile',
    async () => {
      const [cutOff, well] = fleet.of('gateway') as [Instance, Instance];
      const [frozen] = fleet.of('auth') as [Instance];
      const [nearUrl, farUrl] = [cutOff, well].map(({ port }) => `http://127.0.0.1:${port}`) as [string, string];
      const ada = await register(farUrl);
      const grace = await register(farUrl);
      const other = await signIn(farUrl, ada);
      const seen: string[] = [];
      const ask = async (token: string) => {
        const { status, code, headers } = await call(nearUrl, 'GET', '/api/v1/users/me', { token });
        if (status === 503) expect(headers.get('retry-after')).toMatch(/^\d+$/);
        return status === 200 ? 'accepted' : `${status} ${code}`;
      };
      expect([await ask(ada.token), await ask(other), await ask(grace.token)]).toEqual(Array(3).fill('accepted'));
      const follower = new Follower(farUrl, ada.token);
      await until(() => follower.opened === 1, 'her stream is open');

      frozen.freeze();
      const frozenAt = performance.now();
      const ended = await call(farUrl, 'POST', '/api/v1/auth/logout-all', { token: ada.token });
      expect(ended.status).toBe(204);
      await until(async () => {
        const askedAt = performance.now();
        const answer = await ask(grace.token);
        // It counts from the last sign of life.
        if (answer === 'accepted') expect(askedAt - frozenAt).toBeLessThan(GRACE_MS + SIGN_OF_LIFE_MS);
        else expect(performance.now() - frozenAt).toBeGreaterThan(GRACE_MS - SIGN_OF_LIFE_MS);
        seen.push(answer);
        return answer !== 'accepted';
      }, 'the grace is over');
      expect([...new Set(seen)]).toEqual(['accepted', '503 unavailable']);
      expect([await ask(ada.token), await ask(other)]).toEqual(Array(2).fill('503 unavailable'));
      // Where another instance of auth is known, nothing was lost: neither for requests nor for live streams.
      expect((await call(farUrl, 'GET', '/api/v1/users/me', { token: grace.token })).status).toBe(200);
      expect((await call(farUrl, 'GET', '/api/v1/users/me', { token: other })).code).toBe('session_ended');
      await until(() => follower.refusal === 401, 'her stream has ended');
      follower.stop();
      expect(follower.faults).toEqual([]);

      frozen.thaw();
      const after: string[] = [];
      await until(async () => {
        after.push(await ask(ada.token), await ask(other));
        return (await ask(grace.token)) === 'accepted';
      }, 'it is sure again');
      after.push(await ask(ada.token), await ask(other));
      expect(after).not.toContain('accepted');
      expect(after.slice(-2)).toEqual(Array(2).fill('401 session_ended'));
    },
    2 * PATIENCE_MS,
  );
});
