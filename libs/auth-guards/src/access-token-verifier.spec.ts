import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { AppError, type UserActor, uuidv7 } from '@nexus/kernel';
import { TEST_ISSUER, TokenMint, testServiceContext } from '@nexus/testing';
import fc from 'fast-check';
import { AccessTokenVerifier, RevocationList } from './index.js';

let now = 0;
let mint: TokenMint;
let list: RevocationList;
let verifier: AccessTokenVerifier;
let asked = 0;

const context = () => testServiceContext('spec');

beforeEach(async () => {
  now = Date.now();
  asked = 0;
  mint = new TokenMint();
  const keys = mint.keys.bind(mint);
  mint.keys = async () => {
    asked++;
    return keys();
  };
  list = new RevocationList(mint, context, () => now);
  await list.start();
  verifier = new AccessTokenVerifier(mint, list, context, {
    issuer: TEST_ISSUER,
    audience: 'nexus',
    graceMs: 30_000,
    now: () => now,
  });
});

async function code(token: string): Promise<string> {
  try {
    await verifier.verify(token);
    return 'accepted';
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

describe('access tokens', () => {
  test('a good one gives its actor, the second time without a promise', async () => {
    const sub = uuidv7();
    const token = mint.token({ sub, role: 'admin' });
    expect(await verifier.verify(token)).toMatchObject({ kind: 'user', id: sub, role: 'admin' });
    expect((verifier.verify(token) as UserActor).id).toBe(sub);
  });

  test('one that was made for an API key says so, and is ended as the session that the key is', async () => {
    const keyId = uuidv7();
    const token = mint.token({ sid: keyId, api_key: keyId, scope: 'files:read projects:read', sv: 3 });
    const scopes = ['files:read', 'projects:read'];
    expect(await verifier.verify(token)).toMatchObject({ keyId, sessionId: keyId, scopes, sessionVersion: 3 });
    expect(await verifier.verify(mint.token())).not.toHaveProperty('keyId');
    expect(await code(mint.token({ api_key: 'no uuid' }))).toBe('token_invalid');
    mint.revoke(keyId, 4);
    expect(await code(token)).toBe('session_ended');
    expect(await code(mint.token({ sid: keyId, api_key: keyId, sv: 4 }))).toBe('accepted');
  });

  test('another algorithm, key, issuer or a future one is invalid', async () => {
    const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    expect(await code(mint.token({ alg: 'none' }))).toBe('token_invalid');
    expect(await code(mint.token({ alg: 'HS256' }))).toBe('token_invalid');
    expect(await code(mint.token({ key: foreign }))).toBe('token_invalid');
    expect(await code(mint.token({ iss: 'https://elsewhere.example' }))).toBe('token_invalid');
    expect(await code(mint.token({ role: 'root' }))).toBe('token_invalid');
  });

  test('expires, also when it is remembered', async () => {
    const token = mint.token({ exp: Math.floor(now / 1000) + 10 });
    expect(await code(token)).toBe('accepted');
    now += 9_000;
    expect(await code(token)).toBe('accepted');
    now += 2_000;
    expect(await code(token)).toBe('token_expired');
  });

  test('ends with its session at once, although it is remembered', async () => {
    const sid = uuidv7();
    const token = mint.token({ sid, sv: 1 });
    expect(await code(token)).toBe('accepted');
    mint.revoke(sid, 2);
    expect(await code(token)).toBe('session_ended');
    expect(await code(mint.token({ sid, sv: 2 }))).toBe('accepted');
    mint.revoke(sid);
    expect(await code(mint.token({ sid, sv: 2 }))).toBe('session_ended');
  });

  test('rubbish is invalid, never a crash, and does not make us ask for keys each time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.tuple(fc.base64String(), fc.base64String(), fc.base64String()).map((parts) => parts.join('.')),
        ),
        async (text) => {
          expect(await code(text)).toBe('token_invalid');
        },
      ),
    );
    const unknown = (kid: string) =>
      `${Buffer.from(JSON.stringify({ alg: 'ES256', kid })).toString('base64url')}.e30.AAAA`;
    for (let i = 0; i < 50; i++) expect(await code(unknown(`k${i + 2}`))).toBe('token_invalid');
    expect(asked).toBe(1);
  });

  test('one changed character breaks it', async () => {
    const token = mint.token();
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 2), async (at) => {
        const other = token[at] === 'A' ? 'B' : 'A';
        expect(await code(token.slice(0, at) + other + token.slice(at + 1))).toBe('token_invalid');
      }),
      { numRuns: 100 },
    );
  });
});

describe('the list of revocations', () => {
  test('asks when it misses a number, and is unsure until it knows', async () => {
    const sids = [uuidv7(), uuidv7(), uuidv7()] as const;
    let hold: (() => void) | undefined;
    let hear: ((entry: never) => void) | undefined;
    const entry = (seq: number, session_id: string) => ({
      seq,
      session_id,
      min_version: null,
      expires_at: new Date(now + 60_000).toISOString(),
    });
    const trust = Object.assign(new TokenMint(), {
      subscribe: (listener: (e: never) => void) => {
        hear = listener;
        return () => undefined;
      },
      revocations: (_ctx: unknown, { after }: { after: number }) =>
        after === 0 && !hold
          ? Promise.resolve({ entries: [], head: 0 })
          : new Promise<never>((resolve) => {
              hold = () =>
                resolve({ entries: [entry(1, sids[0]), entry(2, sids[1]), entry(3, sids[2])], head: 3 } as never);
            }),
    });
    hold = undefined;
    const watched = new RevocationList(trust, context, () => now);
    await watched.start();
    hold = () => undefined;
    hear?.(entry(3, sids[2]) as never);
    expect(watched.isRevoked(sids[2], 1)).toBe(true);
    expect(watched.isRevoked(sids[0], 1)).toBe(false);
    now += 5_000;
    expect(watched.unsureMs()).toBe(5_000);
    hold();
    await new Promise((resolve) => setImmediate(resolve));
    expect(watched.isRevoked(sids[0], 1)).toBe(true);
    expect(watched.unsureMs()).toBe(0);
  });

  test('keeps asking while nobody answers, without a crash, and knows in the end', async () => {
    let calls = 0;
    let hear: ((entry: never) => void) | undefined;
    const trust = Object.assign(new TokenMint(), {
      subscribe: (listener: (e: never) => void) => {
        hear = listener;
        return () => undefined;
      },
      revocations: async () => {
        calls++;
        if (calls === 2 || calls === 3) throw new Error('away');
        return { entries: [], head: calls === 1 ? 0 : 7 };
      },
    });
    const watched = new RevocationList(trust, context, () => now);
    await watched.start();
    hear?.({
      seq: 7,
      session_id: uuidv7(),
      min_version: null,
      expires_at: new Date(now + 60_000).toISOString(),
    } as never);
    expect(watched.unsureMs()).toBe(0);
    now += 1_000;
    expect(watched.unsureMs()).toBe(1_000);
    const end = Date.now() + 5_000;
    while (watched.unsureMs() > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(watched.unsureMs()).toBe(0);
    expect(calls).toBe(4);
    watched.close();
  });
});
