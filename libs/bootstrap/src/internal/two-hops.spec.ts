import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { remotePort } from '@nexus/clients';
import { ProjectDirectory, UserDirectory } from '@nexus/contracts';
import { AppError, type CallContext, errors, uuidv7 } from '@nexus/kernel';
import { parseTraceparent } from '@nexus/observability';
import { CONTRACT_CALLER, eventually, serveTestPort, TokenMint, testContext, testUser } from '@nexus/testing';
import { Pool } from 'undici';
import { localPort } from '../local-port.js';

/** What the first hop does before it calls the second, in ms. */
const WORK_MS = 60;

type Served = Awaited<ReturnType<typeof serveTestPort>>;

let mint: TokenMint;
let services: Served[];
let pools: Pool[];
let seen: CallContext[];
/** How much time each hop had when it began. */
let left: number[];
let projects: ProjectDirectory;
/** What the second hop does. */
let find: (ctx: CallContext) => Promise<{ users: never[] }>;

beforeEach(async () => {
  mint = new TokenMint();
  services = [];
  pools = [];
  seen = [];
  left = [];
  find = async () => ({ users: [] });
  const note = (ctx: CallContext) => {
    seen.push(ctx);
    left.push(ctx.deadline - Date.now());
  };
  const far = await serve(UserDirectory, {
    find: (ctx: CallContext) => {
      note(ctx);
      return find(ctx);
    },
    ensure: () => Promise.reject(new Error('It is not asked')),
  } as UserDirectory);
  projects = await serve(ProjectDirectory, {
    access: async (ctx: CallContext) => {
      note(ctx);
      await new Promise((resolve) => setTimeout(resolve, WORK_MS));
      await far.find(ctx, { ids: [] });
      return { role: 'viewer' };
    },
  } as ProjectDirectory);
});

afterEach(async () => {
  for (const pool of pools) await pool.destroy();
  for (const service of services) await service.close();
});

async function serve<T extends object>(
  token: Parameters<typeof localPort>[0] & { prototype: T },
  provider: T,
): Promise<T> {
  const served = await serveTestPort(
    token,
    localPort<T>(token, () => provider),
    mint,
  );
  const pool = new Pool(served.url, { connections: 4 });
  services.push(served);
  pools.push(pool);
  return remotePort<T>(token, { dispatcher: pool, caller: CONTRACT_CALLER });
}

function asUser(changes: Partial<CallContext> = {}): CallContext {
  const actor = testUser();
  const credential = mint.token({ sub: actor.id, sid: actor.sessionId });
  return testContext(actor, { credential, address: '203.0.113.9', userAgent: 'Spec/1', ...changes });
}

const input = { project_id: uuidv7() };

describe('a call that goes on to a third process', () => {
  test('is the same user, request and client, one trace, and has less time at every hop', async () => {
    const ctx = asUser({ deadline: Date.now() + 5_000 });
    expect(await projects.access(ctx, input)).toEqual({ role: 'viewer' });
    const [first, second] = seen as [CallContext, CallContext];
    for (const hop of [first, second]) {
      expect(hop).toMatchObject({
        actor: ctx.actor,
        requestId: ctx.requestId,
        credential: ctx.credential,
        address: '203.0.113.9',
        userAgent: 'Spec/1',
      });
      expect(hop.trace.traceId).toBe(ctx.trace.traceId);
    }
    expect(new Set([ctx, first, second].map(({ trace }) => trace.spanId)).size).toBe(3);
    expect(parseTraceparent(`00-${second.trace.traceId}-${second.trace.spanId}-00`)).toBeDefined();
    const [atFirst, atSecond] = left as [number, number];
    expect(atFirst).toBeLessThanOrEqual(5_000);
    // Timers may fire a millisecond early.
    expect(atSecond).toBeLessThan(atFirst - WORK_MS + 2);
    expect(atSecond).toBeGreaterThan(0);
  });

  test('runs out of time everywhere at once', async () => {
    const held = Promise.withResolvers<AbortSignal>();
    find = (ctx) => {
      held.resolve(ctx.signal);
      return new Promise(() => undefined);
    };
    const late = projects.access(asUser({ deadline: Date.now() + 400 }), input).catch((error: unknown) => error);
    const signal = await held.promise;
    expect(left[1]).toBeLessThan((left[0] as number) - WORK_MS + 2);
    const error = (await late) as AppError;
    expect([error.code, error.status]).toEqual(['timed_out', 504]);
    // The one between has learnt it, too, or was told so by the last one first, and has answered.
    await eventually(() => signal.aborted, 'the last one has learnt it');
    await eventually(() => services.every(({ calls }) => calls.running === 0), 'nothing runs any more');
  });

  test('fails with the error of the last process', async () => {
    const thrown = errors.rate_limited({ headers: { 'retry-after': '9' }, field: 'ids' });
    find = () => Promise.reject(thrown);
    const { code, status, details, headers, message } = (await projects
      .access(asUser(), input)
      .catch((error: unknown) => error)) as AppError;
    expect({ code, status, details, headers, message }).toEqual({
      code: thrown.code,
      status: 429,
      details: thrown.details,
      headers: { 'retry-after': '9' },
      message: thrown.message,
    });
  });

  test('ends in all of them when the first caller is gone', async () => {
    const held = Promise.withResolvers<AbortSignal>();
    find = (ctx) => {
      held.resolve(ctx.signal);
      return new Promise(() => undefined);
    };
    const leaving = new AbortController();
    const call = projects.access(asUser({ signal: leaving.signal }), input).catch((error: unknown) => error);
    const signal = await held.promise;
    leaving.abort();
    expect(await call).toBeInstanceOf(AppError);
    await eventually(() => signal.aborted, 'the last one has learnt it');
  });
});
