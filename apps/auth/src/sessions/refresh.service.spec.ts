import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { UserDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { isUuid } from '@nexus/kernel';
import { MemoryUserDirectory, startTestApp, type TestApp, testContext } from '@nexus/testing';
import fc from 'fast-check';
import { authService } from '../index.js';
import { Registration } from '../sign-in/registration.service.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { RefreshService } from './refresh.service.js';
import { RefreshTokens } from './refresh-tokens.service.js';
import { SessionEnding } from './session-ending.service.js';

const GRACE_MS = 10_000;
const IDLE_MS = 3_600_000;
const ABSOLUTE_MS = 10_800_000;

let app: TestApp;
let db: Database;
let now = 0;
let people = 0;

const get = <T>(token: abstract new (...args: never[]) => T): T =>
  app.running.app.nest.get(token as never, { strict: false });

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: {
      ARGON2_MEMORY_KIB: '8',
      ARGON2_TIME: '1',
      SESSION_IDLE_SECONDS: String(IDLE_MS / 1000),
      SESSION_ABSOLUTE_SECONDS: String(ABSOLUTE_MS / 1000),
    },
  });
  db = app.running.app.databases.get('auth');
  now = Date.now();
  jest.spyOn(get(AuthClock), 'now').mockImplementation(() => now);
}, 30_000);

afterAll(async () => {
  jest.restoreAllMocks();
  await app.stop();
});

/**
 * The rule as a client understands it, told by the life of each single token: one that was never used gets a
 * successor; one that was used gets the same successor for a while, as long as that one was not used itself; anything
 * else ends the session.
 */
class Model {
  private readonly firstUse: (number | undefined)[] = [undefined, undefined];
  private over = false;
  private idleEnd: number;
  private readonly absoluteEnd: number;

  constructor(private readonly opened: number) {
    this.idleEnd = opened + IDLE_MS;
    this.absoluteEnd = opened + ABSOLUTE_MS;
  }

  get newest(): number {
    return this.firstUse.length - 1;
  }

  end(): void {
    this.over = true;
  }

  /** @returns the generation that is answered, or the code of the refusal */
  present(generation: number, at: number): number | string {
    if (this.over || at >= Math.min(this.idleEnd, this.absoluteEnd) || at < this.opened) return 'invalid_refresh_token';
    const used = this.firstUse[generation];
    if (used === undefined) {
      this.firstUse[generation] = at;
      this.firstUse.push(undefined);
      this.idleEnd = at + IDLE_MS;
      return generation + 1;
    }
    const successorUnused = this.firstUse[generation + 1] === undefined;
    if (successorUnused && at - used < GRACE_MS) return generation + 1;
    this.over = true;
    return 'token_reused';
  }
}

type Step = { readonly wait: number } | { readonly back: number } | 'end';

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ back: fc.constantFrom(0, 0, 0, 1, 1, 2, 5) }) },
  {
    weight: 3,
    arbitrary: fc.record({ wait: fc.constantFrom(0, 1, 4_000, 9_999, 10_000, 60_000, IDLE_MS - 1, IDLE_MS) }),
  },
  { weight: 1, arbitrary: fc.constant('end' as const) },
);

async function open() {
  people += 1;
  const ctx = testContext({ kind: 'anonymous' });
  const body = { email: `person${people}@example.com`, password: 'a long enough secret', name: 'Person' };
  const { user, tokens } = await get(Registration).register(ctx, body);
  const claim = get(RefreshTokens).read(tokens.refresh_token);
  return { userId: user.id, sessionId: claim?.sessionId ?? '' };
}

describe('RefreshService', () => {
  it('does what the life of each token says, in any order of uses and times', async () => {
    const tokens = get(RefreshTokens);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const { userId, sessionId } = await open();
        const model = new Model(now);
        for (const what of steps) {
          if (what === 'end') {
            model.end();
            await db.transaction((tx) =>
              get(SessionEnding).end(tx, testContext(), { userId, only: sessionId }, 'logout'),
            );
          } else if ('wait' in what) {
            now += what.wait;
          } else {
            const generation = Math.max(1, model.newest - what.back);
            const answer = await get(RefreshService)
              .refresh(testContext({ kind: 'anonymous' }), tokens.issue({ sessionId, generation }))
              .then(({ tokens: { refresh_token } }) => tokens.read(refresh_token)?.generation)
              .catch((error: { code: string }) => error.code);
            expect(answer).toBe(model.present(generation, now));
          }
        }
      }),
      { numRuns: 120 },
    );
  }, 60_000);

  it('does not take a generation that was not issued', async () => {
    const { sessionId } = await open();
    expect(isUuid(sessionId)).toBe(true);
    const ahead = get(RefreshTokens).issue({ sessionId, generation: 7 });
    const refused = get(RefreshService).refresh(testContext({ kind: 'anonymous' }), ahead);
    await expect(refused).rejects.toMatchObject({ code: 'invalid_refresh_token' });
    const present = get(RefreshTokens).issue({ sessionId, generation: 1 });
    expect((await get(RefreshService).refresh(testContext({ kind: 'anonymous' }), present)).tokens.token_type).toBe(
      'Bearer',
    );
  });

  it('keeps the revocation as long as the last access token lives', async () => {
    const { userId, sessionId } = await open();
    now += 9_000;
    const tokens = get(RefreshTokens);
    await get(RefreshService).refresh(testContext({ kind: 'anonymous' }), tokens.issue({ sessionId, generation: 1 }));
    now += 5_000;
    await get(RefreshService).refresh(testContext({ kind: 'anonymous' }), tokens.issue({ sessionId, generation: 1 }));
    const lastExpiry = (Math.floor(now / 1000) + 900) * 1000;
    await db.transaction((tx) => get(SessionEnding).end(tx, testContext(), { userId }, 'logout_all'));
    const [row] = await db.query<{ expires_at: Date }>(
      'SELECT expires_at FROM auth.revocations WHERE session_id = $1',
      [sessionId],
    );
    expect(row?.expires_at.getTime()).toBe(lastExpiry + 60_000);
  });

  it('needs no revocation where every access token has expired', async () => {
    const { userId, sessionId } = await open();
    now += 900_000 + 61_000;
    const ended = await db.transaction((tx) => get(SessionEnding).end(tx, testContext(), { userId }, 'logout_all'));
    expect(ended).toBe(1);
    expect(await db.query('SELECT seq FROM auth.revocations WHERE session_id = $1', [sessionId])).toEqual([]);
  });
});
