import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RedisServer } from '../../tools/verify/redis-server.js';
import { PATIENCE_MS, until } from './support/conditions.js';
import { Fleet } from './support/fleet.js';
import { call, type Person, register } from './support/people.js';
import { openRedis } from './support/redis.js';

let redis: RedisServer;
let fleet: Fleet;
let ada: Person;
let first: string;
let second: string;

interface Project {
  readonly id: string;
  readonly name: string;
}

beforeAll(async () => {
  redis = await openRedis();
  fleet = await Fleet.start({
    processes: ['gateway', 'gateway', 'auth,user,project,file,notification'],
    env: { REDIS_URL: redis.url, GATEWAY_REPLICAS: '2', REDIS_DEADLINE_MS: '100' },
  });
  [first, second] = fleet.of('gateway').map(({ port }) => `http://127.0.0.1:${port}`) as [string, string];
  ada = await register(fleet.url);
}, 2 * PATIENCE_MS);

afterAll(async () => {
  await fleet?.close();
  await redis?.stop();
}, PATIENCE_MS);

async function create(name: string): Promise<Project> {
  const { data } = await call<Project>(first, 'POST', '/api/v1/projects', { token: ada.token, body: { name } });
  return data;
}

async function read(url: string, id: string, { token } = ada) {
  const { status, data, headers } = await call<Project>(url, 'GET', `/api/v1/projects/${id}`, { token });
  return { status, name: data?.name, cache: headers.get('cache-status') ?? '' };
}

async function rename(url: string, id: string, name: string): Promise<void> {
  const { status } = await call(url, 'PATCH', `/api/v1/projects/${id}`, { token: ada.token, body: { name } });
  expect(status).toBe(200);
}

/** How often the service itself was asked for a project. */
async function asked(): Promise<number> {
  const [service] = fleet.of('auth,user,project,file,notification');
  const metrics = await (await fetch(`http://127.0.0.1:${service?.managementPort}/metrics`)).text();
  return metrics
    .split('\n')
    .filter((line) => line.startsWith('http_server_request_duration_seconds_count') || line.includes('requests_total'))
    .filter((line) => line.includes('/api/v1/projects/{id}"') && line.includes('GET'))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

describe('two gateways', () => {
  test('answer from their own memory, and from what the other one made', async () => {
    const { id } = await create('Engine');
    expect((await read(first, id)).cache).toMatch(/fwd=miss/);
    expect((await read(first, id)).cache).toMatch(/hit; detail=l1/);
    expect(await read(second, id)).toMatchObject({
      status: 200,
      name: 'Engine',
      cache: expect.stringMatching(/detail=l2; ttl=\d+/),
    });
    expect((await read(second, id)).cache).toMatch(/hit; detail=l1/);
    const eve = await register(fleet.url);
    expect(await read(first, id, eve)).toMatchObject({ status: 404, name: undefined });
    expect(await read(second, id, eve)).toMatchObject({ status: 404, name: undefined });
  });

  test('show a change to whoever made it at once, and to everyone within a second', async () => {
    const { id } = await create('Number -1');
    const waits: number[] = [];
    for (let n = 0; n < 40; n += 1) {
      await read(second, id);
      await read(first, id);
      await rename(first, id, `Number ${n}`);
      const from = performance.now();
      expect((await read(first, id)).name).toBe(`Number ${n}`);
      await until(async () => (await read(second, id)).name === `Number ${n}`, 'everyone sees it', 1_000);
      waits.push(performance.now() - from);
    }
    waits.sort((a, b) => a - b);
    console.log(
      `a change is seen through the other gateway after ${waits[20]?.toFixed(0)} ms (p50), ${waits[39]?.toFixed(0)} ms at most`,
    );
  });

  test('ask the service once for what many want at the same time', async () => {
    const { id } = await create('Popular');
    const before = await asked();
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => read(i % 2 === 0 ? first : second, id)));
    expect(new Set(answers.map(({ status, name }) => `${status} ${name}`))).toEqual(new Set(['200 Popular']));
    expect((await asked()) - before).toBe(1);
  });

  test('show a change to whoever made it also while Redis is frozen', async () => {
    const { id } = await create('Before');
    await read(first, id);
    await read(second, id);
    redis.freeze();
    try {
      for (let n = 0; n < 5; n += 1) {
        await rename(first, id, `During ${n}`);
        expect((await read(first, id)).name).toBe(`During ${n}`);
      }
      await until(async () => (await read(second, id)).name === 'During 4', 'everyone sees it', 1_000);
    } finally {
      redis.thaw();
    }
    await until(async () => (await read(second, id)).cache.includes('hit'), 'answers are kept again', 10_000);
    expect([(await read(first, id)).name, (await read(second, id)).name]).toEqual(['During 4', 'During 4']);
    await rename(second, id, 'After');
    expect((await read(second, id)).name).toBe('After');
    await until(async () => (await read(first, id)).name === 'After', 'everyone sees it', 1_000);
  });
});
