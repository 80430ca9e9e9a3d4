import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { RoutePolicy } from '@nexus/contracts';
import type { Exchange } from '@nexus/http';
import { Door } from './door.js';

const BEARER = { authorization: 'Bearer x' };

interface Asked {
  readonly method?: string;
  readonly headers?: IncomingMessage['headers'];
  readonly route?: Partial<RoutePolicy>;
  readonly upgrade?: boolean;
}

function exchange({ method = 'GET', headers = {}, route, upgrade = false }: Asked = {}): Exchange {
  return {
    request: { method, headers, upgrade },
    response: { headersSent: true, statusCode: 200 },
    route: route && { operation: 'read', service: 'user', priority: 'user_read', limits: { timeoutMs: 100 }, ...route },
    headers: [],
    rank: -1,
    startedMark: performance.now(),
  } as unknown as Exchange;
}

const CONFIG = { SERVER_MAX_REQUESTS: 1, SERVER_TARGET_DELAY_MS: 200 };

describe('the door', () => {
  test.each<[string, Asked, number]>([
    ['a probe', { route: { priority: 'health' } }, 0],
    ['a sign-in', { route: { priority: 'sign_in' } }, 1],
    ['a question of a browser', { method: 'OPTIONS' }, 1],
    ['a write', { headers: BEARER, route: { priority: 'user_write' } }, 2],
    ['a read by key', { headers: { 'x-api-key': 'x' }, route: {} }, 3],
    ['a stream', { headers: BEARER, route: { priority: 'bulk' } }, 4],
    ['a read by nobody', { route: {} }, 5],
    ['an address that is none', { headers: BEARER }, 5],
  ])('takes %s for one of its class', (_what, asked, rank) => {
    const door = new Door(CONFIG);
    const one = exchange(asked);
    expect(door.guard(false)(one)).toBe('continue');
    expect(one.rank).toBe(rank);
    expect(door.limit.serving[rank]).toBe(1);
  });

  test('refuses what is one too many, in the same way each time, and tells the platform why', () => {
    const door = new Door(CONFIG);
    const read = () => exchange({ headers: BEARER, route: {} });
    void door.guard(false)(read());
    const thrown = [false, true, true].map((isTold) => {
      const one = read();
      try {
        void door.guard(isTold)(one);
      } catch (error) {
        return { error, headers: one.headers, rank: one.rank };
      }
      return undefined;
    });
    expect(thrown[0]).toMatchObject({
      error: { code: 'overloaded', status: 503, headers: { 'retry-after': '1' } },
      headers: [],
      rank: -1,
    });
    expect(thrown[1]?.headers).toEqual(['x-nexus-shed', '1']);
    expect(thrown[2]?.error).toBe(thrown[1]?.error);
    expect(door.guard(false)(exchange({ route: { priority: 'health' } }))).toBe('continue');
  });

  test('gives a place back once, and none to what lasts', async () => {
    const door = new Door(CONFIG);
    const one = exchange({ headers: BEARER, route: {} });
    const lasting = [
      exchange({ headers: BEARER, route: { limits: { bodyBytes: 0, timeoutMs: 0 } } }),
      exchange({ headers: BEARER, route: {}, upgrade: true }),
    ];
    for (const each of lasting) expect([door.guard(false)(each), each.rank]).toEqual(['continue', -1]);
    void door.guard(false)(one);
    for (const each of lasting) expect(() => door.guard(false)(each)).toThrow('busy');
    door.leave(one, 5);
    door.leave(one, 5);
    for (const each of lasting) door.leave(each, 5);
    await new Promise((later) => setImmediate(later));
    expect(door.limit.serving).toEqual([0, 0, 0, 0, 0, 0]);
    expect(door.guard(false)(exchange({ headers: BEARER, route: {} }))).toBe('continue');
  });

  test.each<[string, Asked, boolean]>([
    ['of its own', { route: {} }, true],
    ['of a service elsewhere', { route: { service: 'project' } }, false],
    ['of a server outside', { route: { handle: () => undefined } as Partial<RoutePolicy> }, false],
  ])('learns from the time of requests %s: %p', (_what, asked, isLearnt) => {
    const door = new Door({ SERVER_MAX_REQUESTS: 1_000, SERVER_TARGET_DELAY_MS: 200 }, new Set(['project'] as const));
    const ask = () => {
      const one = exchange({ ...asked, headers: BEARER });
      void door.guard(false)(one);
      return one;
    };
    door.leave(ask(), 1);
    for (let turn = 0; turn < 3; turn += 1) {
      const asking = Array.from({ length: 300 }, ask);
      door.limit.look();
      for (const one of asking) door.leave(one, 5_000);
    }
    door.limit.look();
    expect(door.limit.isLowered).toBe(isLearnt);
  });
});
