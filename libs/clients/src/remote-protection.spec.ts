import { createServer, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { definePort, type PortClass } from '@nexus/contracts';
import { AppError, type CallContext } from '@nexus/kernel';
import { ServicePool, type ServicePoolOptions } from '@nexus/resilience';
import { closeServer, listenSomewhere, testServiceContext } from '@nexus/testing';
import { request } from 'undici';
import { z } from 'zod';
import { remotePort } from './index.js';

interface Kitchen {
  cook(ctx: CallContext, input: { dish: string }): Promise<{ dish: string }>;
  order(ctx: CallContext, input: { dish: string }): Promise<{ dish: string }>;
}
const dish = z.object({ dish: z.string() });
const token = {
  name: 'Kitchen',
  prototype: {} as Kitchen,
  port: definePort('kitchen', {
    cook: { input: dish, output: dish, idempotent: true, serviceActor: true },
    order: { input: dish, output: dish, idempotent: false, serviceActor: true },
  }),
} satisfies PortClass;
const input = { dish: 'soup' };
const ctx = (withinMs = 5_000) => ({ ...testServiceContext('user'), deadline: Date.now() + withinMs });

let asked = 0;
let respond: (response: ServerResponse) => void;
let url: string;
const pools: ServicePool[] = [];
const server = createServer((incoming, response) => {
  asked += 1;
  incoming.resume().once('end', () => respond(response));
});

const served = (response: ServerResponse) => void response.end('{"data":{"dish":"soup"}}');
const unavailable = (response: ServerResponse) => void response.writeHead(503, { 'retry-after': '0' }).end();

beforeEach(async () => {
  asked = 0;
  respond = served;
  url = await listenSomewhere(server);
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.destroy()));
  await closeServer(server);
});

function open(options: Partial<ServicePoolOptions> = {}) {
  const pool = new ServicePool({ service: 'auth', urls: url, ...options });
  pools.push(pool);
  return { pool, kitchen: remotePort<Kitchen>(token, { dispatcher: pool, caller: 'user' }) };
}

const code = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

describe('a service that always fails', () => {
  test.each([
    ['says so', unavailable],
    ['cuts the connection', (response: ServerResponse) => void response.destroy()],
  ])('and %s is asked by calls at most 1.2 times as often as they are made', async (_how, answer) => {
    respond = answer;
    const { pool, kitchen } = open();
    const calls = 200;
    for (let made = 0; made < calls; made += 20)
      await Promise.all(Array.from({ length: 20 }, () => code(kitchen.cook(ctx(), input))));
    process.stdout.write(`R1, calls of ports: ${(asked / calls).toFixed(3)} attempts per call\n`);
    expect(asked / calls).toBeLessThanOrEqual(1.2);
    expect(pool.state.retries).toBe(asked - calls);
    expect(pool.state.retries).toBeGreaterThan(20);
  });

  test('has one budget for calls and for what else is sent to it', async () => {
    respond = (response) => void response.destroy();
    const { pool, kitchen } = open();
    for (let made = 0; made < 50; made += 1)
      await Promise.all([
        code(kitchen.cook(ctx(), input)),
        request('http://auth/', { dispatcher: pool, method: 'GET' }).catch(() => undefined),
      ]);
    expect(asked).toBeLessThanOrEqual(120);
    expect(pool.state.retries).toBe(asked - 100);
  });

  test('is not asked while its breaker is open: calls are told at once', async () => {
    respond = unavailable;
    const { pool, kitchen } = open({ breaker: {} });
    while (pool.state.circuit === 'closed') await code(kitchen.order(ctx(), input));
    const before = asked;
    const from = performance.now();
    const refused = await kitchen.cook(ctx(), input).catch((error: unknown) => error as AppError);
    expect(refused).toMatchObject({ code: 'unavailable', status: 503, headers: { 'retry-after': '1' } });
    expect(performance.now() - from).toBeLessThan(400);
    expect(asked).toBe(before);
  });
});

test('a service that hangs is found out by calls whose time was up, if they gave it some', async () => {
  const held: ServerResponse[] = [];
  respond = (response) => void held.push(response);
  const { pool, kitchen } = open({ breaker: { minVolume: 5 } });
  await Promise.all(Array.from({ length: 10 }, () => code(kitchen.order(ctx(200), input))));
  expect(pool.state.circuit).toBe('closed');
  expect(await Promise.all(Array.from({ length: 10 }, () => code(kitchen.order(ctx(1_100), input))))).toEqual(
    Array(10).fill('timed_out'),
  );
  expect(pool.state.circuit).toBe('open');
});

test('a service at which as much runs as may is not asked for more', async () => {
  const held: ServerResponse[] = [];
  respond = (response) => void held.push(response);
  const { kitchen } = open({ maxInFlight: 3 });
  const calls = Array.from({ length: 5 }, () => code(kitchen.cook(ctx(), input)));
  expect(await Promise.all(calls.slice(3))).toEqual(['overloaded', 'overloaded']);
  while (held.length < 3) await new Promise((later) => setImmediate(later));
  for (const response of held) served(response);
  expect(await Promise.all(calls.slice(0, 3))).toEqual(Array(3).fill('answered'));
});
