import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { echo, meant, nameOf } from './support/echo.js';
import { type Edge, openEdge } from './support/edge.js';
import { lines, type RawClient } from './support/raw-client.js';
import { get, HOST } from './support/sent-requests.js';

const TOTAL = 16;
const PER_ADDRESS = 5;
const REQUESTS = 3;
const PROXY = '127.9.9.9';
const [ADA, BOB, CAT] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge({
    env: {
      GATEWAY_CONNECTIONS: String(TOTAL),
      GATEWAY_CONNECTIONS_PER_ADDRESS: String(PER_ADDRESS),
      GATEWAY_REQUESTS_PER_CONNECTION: String(REQUESTS),
      TRUSTED_PROXIES: PROXY,
    },
  });
}, 60_000);
afterEach(async () => {
  edge.reset();
  while ((await metric('http_server_open_connections')) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});
afterAll(() => edge?.close(), 30_000);

/** What the metrics of the process say now. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${edge.running.managementUrl}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  if (line === undefined) throw new Error(`There is no ${name}`);
  return Number(line.slice(name.length + 1));
}

/** So many connections of one address, each of which has had an answer. */
async function connections(count: number, from?: string): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let n = 0; n < count; n++) {
    const client = await edge.client(from);
    await works(client);
    clients.push(client);
  }
  return clients;
}

async function works(client: RawClient): Promise<void> {
  client.write(get(edge.bearer));
  expect((await client.mustReply()).status).toBe(200);
}

async function refused(client: RawClient, message: string): Promise<void> {
  const answer = await client.mustReply();
  expect([answer.status, answer.errorCode]).toEqual([503, 'overloaded']);
  expect(JSON.parse(answer.text).error).toBe(message);
  expect([answer.field('connection'), answer.field('retry-after')]).toEqual(['close', '1']);
  expect([answer.field('cache-control'), answer.field('x-content-type-options')]).toEqual(['no-store', 'nosniff']);
  expect(Number(answer.field('ratelimit-remaining'))).toBeGreaterThan(0);
  await client.closed();
  expect(client.received).toHaveLength(0);
}

const FROM_ONE = 'Too many connections are open from this address.';
const IN_ALL = 'The service is busy. Please try again shortly.';

describe('connections of one address', () => {
  test('are so many and no more; the others are told', async () => {
    const there = await connections(PER_ADDRESS, ADA);
    await refused(await edge.client(ADA), FROM_ONE);
    for (const client of there) await works(client);
    // Nobody else has to do with it.
    await connections(1, BOB);
  });

  test('that are too many are told whether or not they ask for something, and what they ask for is not done', async () => {
    await connections(PER_ADDRESS, ADA);
    edge.origin.seen.length = 0;
    const asking = await edge.client(ADA);
    asking.write(get(edge.bearer) + get(edge.bearer));
    await refused(asking, FROM_ONE);
    const noise = await edge.client(ADA);
    noise.write('\x16\x03\x01 this is no HTTP\r\n\r\n');
    await refused(noise, FROM_ONE);
    expect(edge.origin.seen).toEqual([]);
  });

  test('make room when they end', async () => {
    const [first] = await connections(PER_ADDRESS, ADA);
    first?.destroy();
    await eventually(() => edge.origin.seen.length === PER_ADDRESS, 'all answers');
    while ((await metric('http_server_open_connections')) >= PER_ADDRESS)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await connections(1, ADA);
    await refused(await edge.client(ADA), FROM_ONE);
  });

  test('may be more where a trusted proxy holds them for its clients', async () => {
    await connections(PER_ADDRESS + 3, PROXY);
  });
});

describe('connections in all', () => {
  test('are so many and no more, trusted or not', async () => {
    const there = [...(await connections(TOTAL - 2, PROXY)), ...(await connections(2, ADA))];
    await refused(await edge.client(BOB), IN_ALL);
    await refused(await edge.client(PROXY), IN_ALL);
    for (const client of there) await works(client);
    there[0]?.destroy();
    while ((await metric('http_server_open_connections')) >= TOTAL)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await connections(1, CAT);
  });

  test('that are far too many cost those that are there nothing, and leave nothing behind', async () => {
    const before = await metric('http_server_refused_connections_total{cap="address"}');
    const there = await connections(PER_ADDRESS, ADA);
    const flood = await Promise.all(Array.from({ length: 300 }, () => edge.client(ADA)));
    for (const client of there) await works(client);
    await connections(1, BOB);
    // None is left open, whether or not it was told.
    for (const client of flood) await client.closed();
    const told = flood.filter(({ received }) => received.includes('HTTP/1.1 503 '));
    expect(told.length).toBeGreaterThan(0);
    expect(await metric('http_server_refused_connections_total{cap="address"}')).toBe(before + 300);
    expect(await metric('http_server_open_connections')).toBe(PER_ADDRESS + 1);
  });

  test('are let go by one that is refused and stays', async () => {
    await connections(PER_ADDRESS, ADA);
    const stays = connect({ host: '127.0.0.1', port: edge.port, localAddress: ADA, allowHalfOpen: true });
    stays.on('error', () => undefined);
    const gone = new Promise<number>((resolve) => stays.once('close', () => resolve(performance.now())));
    const [answer] = (await once(stays, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 503 /);
    const told = performance.now();
    // It neither closes its side nor stops sending.
    const timer = setInterval(() => stays.write('x'), 50);
    try {
      expect((await gone) - told).toBeGreaterThan(500);
    } finally {
      clearInterval(timer);
      stays.destroy();
    }
  });
});

describe('requests of one connection', () => {
  const ask = (n: number) => lines(`GET /api/v1/projects?n=${n} HTTP/1.1`, HOST, edge.bearer);
  const name = (n: number) => meant('GET', `/api/v1/projects?n=${n}`);

  test('are so many: the last answer says that the connection ends, and it does', async () => {
    edge.origin.script = echo;
    const client = await edge.client();
    for (let n = 1; n <= REQUESTS; n++) {
      client.write(ask(n));
      const answer = await client.mustReply();
      expect([answer.status, answer.field('x-echo')]).toEqual([200, name(n)]);
      expect(answer.field('connection') === 'close').toBe(n === REQUESTS);
    }
    await client.closed();
    expect(client.received).toHaveLength(0);
  });

  test('that come behind the last are not looked at', async () => {
    edge.origin.script = echo;
    const client = await edge.client();
    client.write(Array.from({ length: 2 * REQUESTS }, (_, n) => ask(n + 1)).join(''));
    const answers = await client.replies();
    expect(answers.map((answer) => answer.field('x-echo'))).toEqual([name(1), name(2), name(3)]);
    expect(edge.origin.seen.map(nameOf)).toEqual([name(1), name(2), name(3)]);
  });

  test('count whatever they are answered', async () => {
    const client = await edge.client();
    client.write(
      lines('GET /nowhere HTTP/1.1', HOST) +
        lines('GET /api/v1/projects HTTP/1.1', HOST) +
        lines('GET /health/live HTTP/1.1', HOST) +
        ask(4),
    );
    const answers = await client.replies();
    expect(answers.map((answer) => answer.status)).toEqual([404, 401, 200]);
    expect(answers.map((answer) => answer.field('connection') === 'close')).toEqual([false, false, true]);
  });
});
