import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AccessTokenVerifier, RevocationList } from '@nexus/auth-guards';
import { remotePort } from '@nexus/clients';
import { type Revocation, type StreamWatch, TokenTrust } from '@nexus/contracts';
import { AppError, uuidv7 } from '@nexus/kernel';
import { createLogger, MemoryDestination } from '@nexus/observability';
import {
  CONTRACT_CALLER,
  closeServer,
  eventually,
  FaultLink,
  listenSomewhere,
  serveTestPort,
  TEST_ISSUER,
  TokenMint,
  testServiceContext,
} from '@nexus/testing';
import fc from 'fast-check';
import { Pool } from 'undici';
import { localPort } from '../local-port.js';
import { createInternalCalls } from './internal-calls.js';

/** Silence that is allowed, one look, and what a busy machine adds. */
const STALE_MS = 1_000 + 250 + 750;

const context = () => testServiceContext(CONTRACT_CALLER);

/** A verifier in one process, auth in another, and a network between them. */
class Far {
  readonly mint = new TokenMint();
  readonly told: number[] = [];
  /** What auth waits for before it answers those who revoke. */
  readonly taken: Promise<void>[] = [];
  private readonly revoked = new Map<string, number>();

  private constructor(
    readonly link: FaultLink,
    readonly list: RevocationList,
    readonly verifier: AccessTokenVerifier,
    readonly close: () => Promise<void>,
    mint: TokenMint,
  ) {
    this.mint = mint;
  }

  static async open(graceMs = 30_000): Promise<Far> {
    const mint = new TokenMint();
    const taken: Promise<void>[] = [];
    const provider = Object.assign(Object.create(mint) as TokenTrust, {
      subscribe: (listener: (entry: Revocation) => Promise<void>) =>
        mint.subscribe((entry) => void taken.push(listener(entry))),
    });
    const served = await serveTestPort(
      TokenTrust,
      localPort<TokenTrust>(TokenTrust, () => provider),
      mint,
    );
    const link = new FaultLink(served.url);
    const pool = new Pool(await link.open(), { connections: 8 });
    const remote = remotePort<TokenTrust>(TokenTrust, { dispatcher: pool, caller: CONTRACT_CALLER });
    const told: number[] = [];
    const trust = Object.assign(Object.create(remote) as TokenTrust, {
      subscribe: (listener: (entry: Revocation) => void, watch?: StreamWatch) =>
        remote.subscribe((entry) => {
          told.push(entry.seq);
          listener(entry);
        }, watch),
    });
    const list = new RevocationList(trust, context);
    const verifier = new AccessTokenVerifier(trust, list, context, { issuer: TEST_ISSUER, audience: 'nexus', graceMs });
    const close = async () => {
      list.close();
      await pool.destroy();
      await link.close();
      await served.close();
    };
    const far = new Far(link, list, verifier, close, mint);
    Object.assign(far, { told, taken });
    return far;
  }

  revoke(): string {
    const sid = uuidv7();
    this.mint.revoke(sid);
    this.revoked.set(sid, performance.now());
    return sid;
  }

  /** Done when auth would answer the one who revokes. */
  async revokeAndWait(sid: string): Promise<void> {
    this.mint.revoke(sid);
    await Promise.all(this.taken.splice(0));
  }

  /** Done when auth has somebody to tell. */
  async followed(): Promise<void> {
    await eventually(() => {
      this.revoke();
      return this.taken.length > 0;
    }, 'auth is followed');
    await Promise.all(this.taken.splice(0));
  }

  /** Revocations that the list does not know although it says that it knows all. */
  missed(olderThanMs: number): number {
    if (this.list.unsureMs() > 0) return 0;
    const limit = performance.now() - olderThanMs;
    let missed = 0;
    for (const [sid, at] of this.revoked) if (at < limit && !this.list.isRevoked(sid, 1)) missed++;
    return missed;
  }
}

let far: Far;
let log: MemoryDestination;

beforeEach(async () => {
  log = new MemoryDestination();
  far = await Far.open();
});

afterEach(() => far.close());

async function code(verifier: AccessTokenVerifier, token: string): Promise<string> {
  try {
    await verifier.verify(token);
    return 'accepted';
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

describe('revocations of another process', () => {
  test('end a token that was accepted a moment ago', async () => {
    await far.list.start();
    const sid = uuidv7();
    const token = far.mint.token({ sid });
    expect(await code(far.verifier, token)).toBe('accepted');
    far.mint.revoke(sid);
    await eventually(() => far.list.isRevoked(sid, 1), 'it is told');
    expect(await code(far.verifier, token)).toBe('session_ended');
  });

  test('count before the one who revokes is answered', async () => {
    await far.list.start();
    await far.followed();
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      const sid = uuidv7();
      const token = far.mint.token({ sid });
      expect(await code(far.verifier, token)).toBe('accepted');
      const from = performance.now();
      await far.revokeAndWait(sid);
      expect(await code(far.verifier, token)).toBe('session_ended');
      times.push(performance.now() - from);
    }
    // No timer is waited for. The median, because the machine may be busy.
    expect(times.sort((a, b) => a - b)[100]).toBeLessThan(50);
  });

  test('are waited for a second where nobody says that they count; who was given up lets nobody in after its grace', async () => {
    const strict = await Far.open(1_000);
    await strict.list.start();
    await strict.followed();
    for (let i = 0; i < 3; i++) {
      const sid = uuidv7();
      const token = strict.mint.token({ sid });
      expect(await code(strict.verifier, token)).toBe('accepted');
      strict.link.freeze();
      const from = performance.now();
      await strict.revokeAndWait(sid);
      expect(performance.now() - from).toBeGreaterThan(950);
      expect(performance.now() - from).toBeLessThan(1_900);
      // It is no follower any more, and delays nobody.
      const next = performance.now();
      await strict.revokeAndWait(uuidv7());
      expect(performance.now() - next).toBeLessThan(500);
      const seen = new Set([await code(strict.verifier, token)]);
      strict.link.thaw();
      await eventually(() => strict.list.isRevoked(sid, 1) && strict.list.unsureMs() === 0, 'it is sure again');
      seen.add(await code(strict.verifier, token));
      expect([...seen]).toEqual(['unavailable', 'session_ended']);
      await strict.followed();
    }
    await strict.close();
  });

  test('count at once while connections are made anew as planned', async () => {
    const mint = new TokenMint();
    const taken: Promise<void>[] = [];
    let begun = 0;
    let followers = 0;
    const provider = {
      keys: () => mint.keys(),
      revocations: (ctx: unknown, input: { after: number }) => mint.revocations(ctx, input),
      subscribe: (listener: (entry: Revocation) => Promise<void>) => {
        begun++;
        followers++;
        const stop = mint.subscribe((entry) => void taken.push(listener(entry)));
        return () => {
          followers--;
          stop();
        };
      },
    };
    const calls = createInternalCalls({
      ports: [{ token: TokenTrust, client: provider, callers: [CONTRACT_CALLER] }],
      verifier: far.verifier,
      callerOf: () => CONTRACT_CALLER,
      logger: createLogger({ service: 'x', version: '0', environment: 'test', level: 'debug', destination: log }),
      maxStreamMs: 10,
    });
    const server = createServer((request, response) => void calls(request, response));
    const pool = new Pool(await listenSomewhere(server), { connections: 8 });
    const trust = remotePort<TokenTrust>(TokenTrust, { dispatcher: pool, caller: CONTRACT_CALLER });
    const list = new RevocationList(trust, context);
    try {
      await list.start();
      await eventually(() => followers === 1 && list.unsureMs() === 0, 'it is followed');
      let unknown = 0;
      let untold = 0;
      while (begun < 5) {
        const sid = uuidv7();
        mint.revoke(sid);
        if (taken.length === 0) untold++;
        await Promise.all(taken.splice(0));
        if (!list.isRevoked(sid, 1)) unknown++;
        expect(followers).toBeLessThanOrEqual(2);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await eventually(() => followers === 1, 'the one before has left');
      expect([unknown, untold, log.records()]).toEqual([0, 0, []]);
    } finally {
      list.close();
      await pool.destroy();
      calls.close();
      await closeServer(server);
    }
  });

  test('are not waited for where somebody has stopped following', async () => {
    await far.list.start();
    await far.followed();
    const from = performance.now();
    far.link.freeze();
    const told = far.revokeAndWait(uuidv7());
    far.link.cut();
    await told;
    expect(performance.now() - from).toBeLessThan(800);
    far.link.thaw();
  });

  test('let nobody in for longer than the grace when auth is frozen', async () => {
    const strict = await Far.open(1_500);
    await strict.list.start();
    const token = strict.mint.token();
    await eventually(() => strict.list.unsureMs() === 0, 'the stream stands');
    expect(await code(strict.verifier, token)).toBe('accepted');
    strict.link.freeze();
    const sid = strict.revoke();
    await eventually(() => strict.list.unsureMs() > 0, 'the silence is noticed');
    expect(await code(strict.verifier, token)).toBe('accepted');
    await eventually(() => strict.list.unsureMs() > 1_500, 'the grace is over');
    expect(await code(strict.verifier, token)).toBe('unavailable');
    strict.link.thaw();
    await eventually(() => strict.list.unsureMs() === 0, 'it is sure again');
    expect([strict.list.isRevoked(sid, 1), await code(strict.verifier, token)]).toEqual([true, 'accepted']);
    await strict.close();
  });

  test('that are made while the connection is away are there when it is back', async () => {
    await far.list.start();
    await eventually(() => far.list.unsureMs() === 0, 'the stream stands');
    far.link.refuse(true);
    const sids = Array.from({ length: 50 }, () => far.revoke());
    far.link.refuse(false);
    await eventually(() => sids.every((sid) => far.list.isRevoked(sid, 1)), 'they are known');
    await eventually(() => far.list.unsureMs() === 0, 'it is sure');
  });

  test('a process that starts before auth does takes nobody, and everybody later', async () => {
    far.link.refuse(true);
    await expect(far.list.start()).rejects.toMatchObject({ code: 'unavailable' });
    const token = far.mint.token();
    expect(await code(far.verifier, token)).toBe('unavailable');
    far.link.refuse(false);
    await eventually(() => far.list.unsureMs() === 0, 'it has learnt');
    expect(await code(far.verifier, token)).toBe('accepted');
  });

  test('are never missed by a list that says it is sure, whatever happens to the connection', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('revoke' as const), count: fc.integer({ min: 1, max: 4 }) }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 60 }) }) },
      { weight: 3, arbitrary: fc.constant({ kind: 'cut' as const }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('freeze' as const), ms: fc.integer({ min: 50, max: 1_300 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('refuse' as const), ms: fc.integer({ min: 20, max: 400 }) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const run = await Far.open();
        try {
          await run.list.start();
          let worst = 0;
          const look = () => {
            worst = Math.max(worst, run.missed(STALE_MS));
          };
          const pass = async (ms: number) => {
            const end = performance.now() + ms;
            do {
              await new Promise((resolve) => setTimeout(resolve, 10));
              look();
            } while (performance.now() < end);
          };
          for (const one of steps) {
            if (one.kind === 'revoke') for (let i = 0; i < one.count; i++) run.revoke();
            else if (one.kind === 'wait') await pass(one.ms);
            else if (one.kind === 'cut') run.link.cut();
            else if (one.kind === 'freeze') {
              run.link.freeze();
              run.revoke();
              await pass(one.ms);
              run.link.thaw();
            } else {
              run.link.refuse(true);
              run.revoke();
              await pass(one.ms);
              run.link.refuse(false);
            }
          }
          run.revoke();
          await eventually(() => run.list.unsureMs() === 0 && run.missed(-1) === 0, 'everything is known');
          expect(worst).toBe(0);
          // Each at most once, and in order.
          expect(run.told).toEqual([...new Set(run.told)].sort((a, b) => a - b));
        } finally {
          await run.close();
        }
      }),
      { numRuns: 10, endOnFailure: true },
    );
  }, 60_000);
});
