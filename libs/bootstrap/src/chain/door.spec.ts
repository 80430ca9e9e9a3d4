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

interface Written {
  status: number;
  fields: readonly string[];
  body: string;
}

function exchange({ method = 'GET', headers = {}, route, upgrade = false }: Asked = {}) {
  const written: Written = { status: 0, fields: [], body: '' };
  const response = {
    headersSent: false,
    statusCode: 200,
    writeHead: (status: number, fields: readonly string[]) => {
      Object.assign(written, { status, fields });
      Object.assign(response, { headersSent: true, statusCode: status });
    },
    end: (body = '') => {
      written.body = body;
    },
  };
  const one = {
    id: 'c0ffee00-0000-4000-8000-000000000000',
    request: { method, headers, upgrade, complete: true },
    response,
    route: route && { operation: 'read', service: 'user', priority: 'user_read', limits: { timeoutMs: 100 }, ...route },
    defaults: { headers: [], closing: false },
    headers: [],
    rank: -1,
    startedMark: performance.now(),
    written,
  };
  return one as unknown as Exchange & { readonly written: Written };
}

/** It is answered, and leaves after so many ms. */
function end(door: Door, one: Exchange, ms: number): void {
  Object.assign(one.response, { headersSent: true });
  door.leave(one, ms);
}

const turn = () => new Promise((later) => setImmediate(later));

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

  test('refuses what is one too many when the turn ends, and tells the platform why', async () => {
    const door = new Door(CONFIG);
    const read = () => exchange({ headers: BEARER, route: {} });
    expect(door.guard(false)(read())).toBe('continue');
    const [told, untold] = [read(), read()];
    expect([door.guard(true)(told), door.guard(false)(untold)]).toEqual(['answered', 'answered']);
    expect([told.written.status, told.rank]).toEqual([0, -1]);
    await turn();
    for (const { written } of [told, untold]) {
      expect(written.status).toBe(503);
      expect(written.fields.join()).toContain('retry-after,1');
      expect(JSON.parse(written.body)).toMatchObject({ error_code: 503, details: [{ code: 'overloaded' }] });
    }
    expect(told.written.fields.join()).toContain('x-nexus-shed,1');
    expect(untold.written.fields.join()).not.toContain('x-nexus');
    expect(door.limit.shed).toEqual([0, 0, 0, 2, 0, 0]);
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
    for (const each of lasting) expect(door.guard(false)(each)).toBe('answered');
    end(door, one, 5);
    end(door, one, 5);
    for (const each of lasting) end(door, each, 5);
    await turn();
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
    end(door, ask(), 1);
    for (let turn = 0; turn < 3; turn += 1) {
      const asking = Array.from({ length: 300 }, ask);
      door.limit.look();
      for (const one of asking) end(door, one, 5_000);
    }
    door.limit.look();
    expect(door.limit.isLowered).toBe(isLearnt);
  });
});
