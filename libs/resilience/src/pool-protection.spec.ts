import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Dispatcher } from 'undici';
import type { CircuitState } from './circuit-breaker.js';
import { OutOfTime } from './out-of-time.js';
import { ServicePool } from './service-pool.js';
import type { ServicePoolOptions } from './service-pool-options.js';
import { type ServiceRequestOptions, SHED_HEADER } from './service-request.js';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

async function until(condition: () => boolean, what: string, meanwhile?: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in 10 s: ${what}`);
    await (meanwhile?.() ?? new Promise((later) => setTimeout(later, 5)));
  }
}

type Answer = (response: ServerResponse, count: number, headers: Record<string, unknown>) => void;

async function serve(answer: Answer, port = 0) {
  const origin = { url: '', requests: 0, answer, close: () => Promise.resolve() };
  const server = createServer((request, response) => {
    origin.requests += 1;
    request.resume().once('end', () => origin.answer(response, origin.requests, request.headers));
  });
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  origin.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  origin.close = async () => {
    server.closeAllConnections();
    await new Promise<void>((closed) => server.close(() => closed()));
  };
  cleanup.push(() => origin.close());
  return origin;
}

const ok: Answer = (response) => void response.end('ok');
const unavailable: Answer = (response) =>
  void response.writeHead(503, { 'retry-after': '0', 'content-length': '2' }).end('no');
const cut: Answer = (response) => void response.destroy();

function open(urls: string | string[], options: Partial<ServicePoolOptions> = {}) {
  const states: CircuitState[] = [];
  const onCircuit = (state: CircuitState) => void states.push(state);
  const pool = new ServicePool({ service: 'user', urls, onCircuit, ...options });
  cleanup.push(() => pool.destroy());
  return { pool, states };
}

/** Status and body, or the code of the error. */
function ask(pool: ServicePool, options: Partial<ServiceRequestOptions> = {}, patienceMs = 5_000): Promise<string> {
  return new Promise((resolve) => {
    let status = 0;
    let body = '';
    let timer: NodeJS.Timeout | undefined;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: (controller) => {
        clearTimeout(timer);
        timer = setTimeout(() => controller.abort(new OutOfTime()), patienceMs);
      },
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: (_controller, chunk) => {
        body += chunk.toString();
      },
      onResponseEnd: () => {
        clearTimeout(timer);
        resolve(`${status} ${body}`);
      },
      onResponseError: (_controller, error) => {
        clearTimeout(timer);
        resolve(String((error as NodeJS.ErrnoException).code));
      },
    };
    const request: ServiceRequestOptions = { method: 'GET', path: '/', deadline: Date.now() + 5_000, ...options };
    pool.dispatch(request, handler);
  });
}

describe('retries', () => {
  test.each([
    ['answers nothing but 503', unavailable],
    ['cuts every connection', cut],
  ])('of requests to a service that %s are at most a fifth of them', async (_what, answer) => {
    for (const breaker of [undefined, {}]) {
      const origin = await serve(answer);
      const { pool } = open(origin.url, breaker ? { breaker } : {});
      const requests = 300;
      for (let sent = 0; sent < requests; sent += 20) await Promise.all(Array.from({ length: 20 }, () => ask(pool)));
      process.stdout.write(
        `R1, breaker ${breaker ? 'on' : 'off'}: ${(origin.requests / requests).toFixed(3)} attempts per request\n`,
      );
      expect(origin.requests / requests).toBeLessThanOrEqual(1.2);
      // Without a breaker the budget is used.
      if (!breaker) expect(pool.state.retries).toBeGreaterThan(40);
      else expect(origin.requests).toBeLessThan(requests / 2);
    }
  });

  test('of one that is busy wait as long as it says, and tell what is left of the time', async () => {
    const told: number[] = [];
    const origin = await serve((response, count, headers) => {
      told.push(Number(headers['x-nexus-deadline-ms']));
      if (count === 1) response.writeHead(503, { 'retry-after': '1', 'content-length': '2' }).end('no');
      else ok(response, count, headers);
    });
    const { pool } = open(origin.url);
    const from = performance.now();
    expect(await ask(pool, { headers: ['x-nexus-deadline-ms', '5000'] })).toBe('200 ok');
    expect(performance.now() - from).toBeGreaterThanOrEqual(990);
    expect(told[0]).toBe(5_000);
    expect(told[1]).toBeLessThanOrEqual(4_010);
  });

  test.each<[string, Partial<ServiceRequestOptions>, Answer]>([
    ['a POST', { method: 'POST' }, unavailable],
    ['one that its sender repeats', { ownRetries: true }, unavailable],
    ['one whose deadline nobody told', { deadline: undefined as unknown as number }, unavailable],
    [
      'one whose time would be over',
      { deadline: Date.now() + 900 },
      (response) => void response.writeHead(503, { 'retry-after': '1', 'content-length': '2' }).end('no'),
    ],
    ['one that is not told when', {}, (response) => void response.writeHead(503, { 'content-length': '2' }).end('no')],
    [
      'one that is one too many',
      {},
      (response) =>
        void response.writeHead(503, { 'retry-after': '0', 'content-length': '2', [SHED_HEADER]: '1' }).end('no'),
    ],
  ])('are not made of %s', async (_what, options, answer) => {
    const origin = await serve(answer);
    const { pool } = open(origin.url);
    expect(await ask(pool, options)).toBe('503 no');
    expect(origin.requests).toBe(1);
  });

  test('of a keyed POST go elsewhere at once', async () => {
    const busy = await serve(
      (response) => void response.writeHead(503, { 'retry-after': '9', 'content-length': '0' }).end(),
    );
    const idle = await serve(ok);
    const { pool } = open([busy.url, idle.url]);
    const from = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => ask(pool, { method: 'POST', body: 'text', idempotent: true })),
    );
    expect(performance.now() - from).toBeLessThan(1_500);
    expect(answers.filter((answer) => answer === '200 ok').length).toBeGreaterThanOrEqual(6);
    expect(busy.requests).toBeGreaterThan(0);
  });
});

describe('a breaker', () => {
  test('refuses at once while a service fails, and lets it be asked again when it is well', async () => {
    const origin = await serve(unavailable);
    const { pool, states } = open(origin.url, { breaker: {} });
    await until(
      () => pool.state.circuit === 'open',
      'it opens',
      () => ask(pool, { method: 'POST' }),
    );
    const { requests } = origin;
    const from = performance.now();
    const refused = await Promise.all(Array.from({ length: 100 }, () => ask(pool)));
    expect(new Set(refused)).toEqual(new Set(['UPSTREAM_OPEN']));
    expect([origin.requests, pool.state.refusedOpen]).toEqual([requests, 100]);
    expect(performance.now() - from).toBeLessThan(300);
    await expect(pool.open()).rejects.toMatchObject({ code: 'UPSTREAM_OPEN', retryAfterSeconds: 1 });

    origin.answer = ok;
    await until(
      () => states.at(-1) === 'closed',
      'it closes',
      async () => {
        await ask(pool);
        await new Promise((later) => setTimeout(later, 5));
      },
    );
    expect(states.slice(0, 3)).toEqual(['open', 'half_open', 'closed']);
    expect(await ask(pool)).toBe('200 ok');
  });

  test('takes no fault of a caller, and no request too many, for a failure', async () => {
    const origin = await serve((response, count) => {
      if (count % 2 === 0) response.writeHead(404).end();
      else response.writeHead(503, { [SHED_HEADER]: '1', 'retry-after': '1' }).end();
    });
    const { pool, states } = open(origin.url, { breaker: {} });
    for (let turn = 0; turn < 60; turn += 1) expect(await ask(pool)).toMatch(/^(404|503) $/);
    expect(states).toEqual([]);
    expect(pool.reach()).toMatchObject([{ state: 'up' }]);
  });

  test('stays closed where an address fails that others make up for', async () => {
    const good = await serve(ok);
    const bad = await serve(cut);
    const { pool, states } = open([good.url, bad.url], { breaker: {} });
    for (let turn = 0; turn < 20; turn += 1)
      await Promise.all(Array.from({ length: 16 }, () => ask(pool, { method: 'POST' })));
    expect(states).toEqual([]);
    expect(pool.reach().map(({ state }) => state)).toEqual(['up', 'ejected']);
  });

  test('opens for one that hangs, but not for callers who have no patience or go away', async () => {
    const origin = await serve(() => undefined);
    const { pool, states } = open(origin.url, { breaker: { minVolume: 5 } });
    await Promise.all(Array.from({ length: 10 }, () => ask(pool, {}, 100)));
    expect(states).toEqual([]);
    await Promise.all(Array.from({ length: 10 }, () => ask(pool, {}, 1_100)));
    expect(states).toEqual(['open']);
  });

  test('is tried as soon as an address takes connections again', async () => {
    const origin = await serve(ok);
    const { pool, states } = open(origin.url, { breaker: { openMs: 60_000, maxOpenMs: 60_000 } });
    await origin.close();
    await until(
      () => states.length > 0,
      'it opens',
      () => ask(pool, { method: 'POST' }),
    );
    await serve(ok, Number(new URL(origin.url).port));
    await until(
      () => states.at(-1) === 'closed',
      'it closes',
      async () => {
        await pool.check();
        await ask(pool);
      },
    );
  });
});

test('more than may run and wait are refused at once, and what lasts does not count', async () => {
  const held: ServerResponse[] = [];
  const origin = await serve((response) => void held.push(response));
  const { pool } = open(origin.url, { maxInFlight: 10, breaker: {} });
  const lasting = ask(pool, { lasts: true });
  await until(() => held.length === 1, 'it is there');
  const answers = Array.from({ length: 30 }, () => ask(pool));
  await until(() => held.length === 10, 'they are there');
  expect(pool.state).toMatchObject({ inFlight: 10, refusedBusy: 21, circuit: 'closed' });
  for (const response of held) response.end('ok');
  expect((await Promise.all(answers)).filter((answer) => answer === 'UPSTREAM_BUSY')).toHaveLength(21);
  expect(await lasting).toBe('200 ok');
});
