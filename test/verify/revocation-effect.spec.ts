import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PATIENCE_MS, until } from './support/conditions.js';
import { Fleet } from './support/fleet.js';
import type { Instance } from './support/instance.js';
import { call, type Person, register, signIn } from './support/people.js';

/** The least that can be set: who does not hear from auth for so long lets nobody in. */
const GRACE_MS = 1_000;
/** So long auth waits for a process that does not say that it knows. */
const RECEIPT_MS = 1_000;
/** What a busy machine adds. */
const LEEWAY_MS = 700;
const WORKERS = 4;
const LOGOUTS = 200;

let fleet: Fleet;
let near: Instance;
let far: Instance;
let nearUrl: string;
let farUrl: string;
let ada: Person;

beforeAll(async () => {
  fleet = await Fleet.start({
    processes: ['gateway', 'gateway', 'auth', 'user,project,file,notification'],
    env: { REVOCATION_GRACE_SECONDS: String(GRACE_MS / 1000) },
  });
  [near, far] = fleet.of('gateway') as [Instance, Instance];
  [nearUrl, farUrl] = [near, far].map(({ port }) => `http://127.0.0.1:${port}`) as [string, string];
}, 2 * PATIENCE_MS);

beforeEach(async () => {
  ada = await register(nearUrl);
});

afterAll(() => fleet?.close(), PATIENCE_MS);

/** What a gateway says to somebody who asks who they are. */
async function ask(url: string, token: string): Promise<string> {
  const { status, code } = await call(url, 'GET', '/api/v1/users/me', { token });
  return status === 200 ? 'accepted' : `${status} ${code}`;
}

/** Ends the session of a token. @returns how long that took, in ms @throws Error with what was answered instead */
async function logout(token: string): Promise<number> {
  const { status, code, ms } = await call(nearUrl, 'POST', '/api/v1/auth/logout', { token });
  if (status !== 204) throw new Error(`The logout was answered with ${status} ${code}`);
  return ms;
}

describe('a session that ended', () => {
  test(
    'lets nobody in anywhere from the moment at which that is answered',
    async () => {
      const verdicts: string[] = [];
      const times: number[] = [];
      const worker = async () => {
        for (let i = 0; i < LOGOUTS / WORKERS; i++) {
          const token = await signIn(nearUrl, ada);
          expect(await ask(farUrl, token)).toBe('accepted');
          times.push(await logout(token));
          verdicts.push(await ask(farUrl, token));
        }
      };
      await Promise.all(Array.from({ length: WORKERS }, worker));
      expect(verdicts).toHaveLength(LOGOUTS);
      expect([...new Set(verdicts)]).toEqual(['401 session_ended']);
      // No round of looking at something is waited for. The median, because the machine may be busy.
      expect(times.sort((a, b) => a - b)[LOGOUTS / 2]).toBeLessThan(200);
    },
    PATIENCE_MS,
  );

  test(
    'keeps nobody waiting for a process that hangs, and that process lets nobody in when it wakes',
    async () => {
      const [token, second] = [await signIn(nearUrl, ada), await signIn(nearUrl, ada)];
      expect([await ask(farUrl, token), await ask(farUrl, second)]).toEqual(['accepted', 'accepted']);
      far.freeze();
      // Whoever asks now is answered when it wakes: both before and after it has heard from auth.
      const early: Promise<string>[] = [];
      const tookMs = await logout(token);
      expect(tookMs).toBeGreaterThan(RECEIPT_MS - 50);
      expect(tookMs).toBeLessThan(RECEIPT_MS + LEEWAY_MS);
      expect(await logout(second)).toBeLessThan(LEEWAY_MS);
      for (let i = 0; i < 20; i++) early.push(ask(farUrl, i % 2 ? token : second));
      await new Promise((resolve) => setTimeout(resolve, 200));
      far.thaw();
      const seen = new Set(await Promise.all(early));
      await until(async () => {
        for (const one of [token, second]) seen.add(await ask(farUrl, one));
        return (await ask(farUrl, ada.token)) === 'accepted';
      }, 'it is sure again');
      expect([await ask(farUrl, token), await ask(farUrl, second)]).toEqual(Array(2).fill('401 session_ended'));
      expect([...seen].filter((verdict) => !['401 session_ended', '503 unavailable'].includes(verdict))).toEqual([]);
      expect(fleet.one('auth').log).toContain('stream-follower-late');
    },
    PATIENCE_MS,
  );

  test(
    'keeps nobody waiting for a process that stops, or dies',
    async () => {
      for (const end of [() => far.stop(), () => far.kill()]) {
        const times: number[] = [];
        let going = true;
        const ended = end().then(() => {
          going = false;
        });
        while (going) times.push(await logout(await signIn(nearUrl, ada)));
        await ended;
        times.push(await logout(await signIn(nearUrl, ada)));
        expect(Math.max(...times)).toBeLessThan(RECEIPT_MS - 100);
        await far.start();
      }
      const token = await signIn(nearUrl, ada);
      expect(await ask(farUrl, token)).toBe('accepted');
      await logout(token);
      expect(await ask(farUrl, token)).toBe('401 session_ended');
    },
    PATIENCE_MS,
  );
});
