import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RedisServer } from '../../tools/verify/redis-server.js';
import { PATIENCE_MS, until } from './support/conditions.js';
import { Fleet } from './support/fleet.js';
import { type Person, register } from './support/people.js';
import { openRedis } from './support/redis.js';

const LIMIT = 300;
const CONNECTIONS = 64;
/** None is late on a busy machine: it is the counting that matters here. */
const UNHURRIED = { REDIS_DEADLINE_MS: '250' };

let redis: RedisServer;
let fleet: Fleet;

beforeAll(async () => {
  redis = await openRedis();
  fleet = await Fleet.start({
    processes: ['gateway', 'gateway', 'auth,user,project,file,notification'],
    env: { REDIS_URL: redis.url, GATEWAY_REPLICAS: '2', RATE_LIMIT_USER: String(LIMIT), ...UNHURRIED },
  });
}, 2 * PATIENCE_MS);

afterAll(async () => {
  await fleet?.close();
  await redis?.stop();
}, PATIENCE_MS);

interface Seen {
  readonly status: number;
  readonly ms: number;
}

function ask(agent: Agent, port: number, token: string): Promise<Seen> {
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    request({ agent, port, host: '127.0.0.1', path: '/api/v1/users/me', headers }, (response) => {
      response.resume().once('end', () => resolve({ status: response.statusCode ?? 0, ms: performance.now() - from }));
    })
      .once('error', reject)
      .end();
  });
}

/** Three times the limit, half of it to each gateway, from so many connections at once. */
async function flood({ token }: Person): Promise<Seen[]> {
  const ports = fleet.of('gateway').map(({ port }) => port);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS / ports.length });
  const seen: Seen[] = [];
  const left = new Map(ports.map((port) => [port, (3 * LIMIT) / ports.length]));
  const client = async (port: number) => {
    for (;;) {
      const mine = left.get(port) as number;
      if (mine <= 0) return;
      left.set(port, mine - 1);
      seen.push(await ask(agent, port, token));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => client(ports[i % ports.length] as number)));
  agent.destroy();
  return seen;
}

const count = (seen: readonly Seen[], status: number) => seen.filter((one) => one.status === status).length;
const p99 = (seen: readonly Seen[]) => seen.map(({ ms }) => ms).sort((a, b) => a - b)[Math.floor(seen.length * 0.99)];

/** The sum of a metric over both gateways. */
async function metric(name: string): Promise<number> {
  const texts = await Promise.all(
    fleet.of('gateway').map(async ({ managementPort }) => {
      const reply = await fetch(`http://127.0.0.1:${managementPort}/metrics`);
      return reply.text();
    }),
  );
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

describe('two gateways and one Redis', () => {
  test('admit just the limit of three times as many requests', async () => {
    const seen = await flood(await register(fleet.url));
    expect([count(seen, 200), count(seen, 429)]).toEqual([LIMIT, 2 * LIMIT]);
    expect(await metric('rate_limit_modes_total{mode="alone"}')).toBe(0);
  });

  test('serve on while Redis is frozen, each with its share, and together again when it goes on', async () => {
    const [ada, eve, bob] = [await register(fleet.url), await register(fleet.url), await register(fleet.url)];
    const before = await flood(bob as Person);
    redis.freeze();
    try {
      const first = await flood(ada as Person);
      expect([count(first, 200), count(first, 429)]).toEqual([LIMIT, 2 * LIMIT]);
      expect(await metric('redis_up')).toBe(0);
      expect(await metric('rate_limit_modes_total{mode="alone"}')).toBeGreaterThan(LIMIT);
      const settled = await flood(eve as Person);
      expect([count(settled, 200), count(settled, 429)]).toEqual([LIMIT, 2 * LIMIT]);
      const ratio = (p99(settled) as number) / (p99(before) as number);
      console.log(`p99 with Redis frozen / with Redis: ${ratio.toFixed(2)}; failed requests: 0`);
    } finally {
      redis.thaw();
    }
    await until(async () => (await metric('redis_up')) === 2, 'both gateways ask Redis again', 10_000);
    const after = await flood(await register(fleet.url));
    expect([count(after, 200), count(after, 429)]).toEqual([LIMIT, 2 * LIMIT]);
  });
});
