import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { closeServer, eventually, listenSomewhere } from '@nexus/testing';
import { type Edge, openEdge } from './support/edge.js';
import { lines, type RawClient } from './support/raw-client.js';

const HOST = 'Host: api.example';
const BOUND = 50;
const TIMEOUT_MS = 1_500;
const PROJECT = '/api/v1/projects/01900000-0000-7000-8000-000000000000';

let folder: string;
let edge: Edge;
let isFrozen = false;
let isBusy = false;
let asked = 0;
const held: ServerResponse[] = [];

/** The project service: answers, hangs, or says that it has too much to do. */
const project = createServer((request, response) => {
  asked += 1;
  request.resume();
  if (isFrozen) held.push(response);
  else if (isBusy) response.writeHead(503, { 'retry-after': '1', 'content-length': '0', 'x-nexus-shed': '1' }).end();
  else response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true,"data":null}');
});

const request = (path: string) => lines(`GET ${path} HTTP/1.1`, HOST, edge.bearer);

/** Sends requests on as many connections as are given, one after the other on each. @returns how long each took, in ms */
async function times(clients: readonly RawClient[], path: string, each: number): Promise<number[]> {
  const took: number[] = [];
  await Promise.all(
    clients.map(async (client) => {
      for (let turn = 0; turn < each; turn += 1) {
        const from = performance.now();
        client.write(request(path));
        expect((await client.mustReply()).status).toBe(200);
        took.push(performance.now() - from);
      }
    }),
  );
  return took.sort((one, other) => one - other);
}

const median = (sorted: readonly number[]) => sorted[Math.floor(sorted.length / 2)] as number;

interface Ready {
  readonly impaired?: readonly { readonly service: string; readonly circuit?: string; readonly full?: boolean }[];
}

async function readiness(): Promise<Ready> {
  const answer = await fetch(`${edge.running.managementUrl}/health/ready`);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { data: Ready }).data;
}

const metric = async (line: string) => {
  const text = await (await fetch(`${edge.running.managementUrl}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-slow-'));
  const file = join(folder, 'routes.json');
  await writeFile(file, JSON.stringify({ operations: { getProject: { timeout_ms: TIMEOUT_MS } } }));
  const url = await listenSomewhere(project);
  edge = await openEdge({
    projectUrl: async () => url,
    env: { UPSTREAM_BREAKER: 'on', UPSTREAM_MAX_REQUESTS: String(BOUND), GATEWAY_ROUTES_FILE: file },
  });
}, 60_000);

afterAll(async () => {
  await edge?.close();
  await closeServer(project);
  await rm(folder, { recursive: true, force: true });
}, 30_000);

describe('a service that hangs', () => {
  test('holds so many requests and no more, and the others are answered as fast as before', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => edge.client()));
    await times(others, '/api/v1/users/me', 50);
    const before = median(await times(others, '/api/v1/users/me', 100));

    isFrozen = true;
    const waiting = await Promise.all(Array.from({ length: BOUND }, () => edge.client()));
    for (const client of waiting) client.write(request(PROJECT));
    await eventually(() => held.length === BOUND, 'the service has them');
    const from = performance.now();
    const refused = await Promise.all(Array.from({ length: 30 }, () => edge.ask(request(PROJECT))));
    expect(performance.now() - from).toBeLessThan(TIMEOUT_MS);
    for (const answer of refused) {
      expect([answer.status, answer.errorCode, answer.field('retry-after')]).toEqual([503, 'overloaded', '1']);
      // A new connection for each would cost more than what was refused.
      expect(answer.field('connection')).not.toBe('close');
    }
    expect((await readiness()).impaired).toEqual([{ service: 'project', full: true }]);
    expect(await metric('upstream_refused_requests_total{service="project",reason="busy"}')).toBe(30);

    const meanwhile = median(await times(others, '/api/v1/users/me', 100));
    process.stdout.write(
      `others while a service hangs: ${meanwhile.toFixed(2)} ms, before ${before.toFixed(2)} ms (median)\n`,
    );
    expect(meanwhile).toBeLessThan(2 * before + 5);

    const late = await Promise.all(waiting.map((client) => client.mustReply()));
    expect(new Set(late.map(({ status }) => status))).toEqual(new Set([504]));
  }, 30_000);

  test('is not asked for a while, which is told, and is asked again when it is well', async () => {
    await eventually(
      async () => (await readiness()).impaired?.some(({ circuit }) => circuit === 'open') === true,
      'its circuit is open',
    );
    // Now and then a few are tried, and have to wait.
    await eventually(async () => {
      const [reached, from] = [asked, performance.now()];
      const answer = await edge.ask(request(PROJECT));
      if (answer.status === 504) return false;
      expect([answer.status, answer.errorCode]).toEqual([503, 'unavailable']);
      expect(answer.field('connection')).not.toBe('close');
      expect(Number(answer.field('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(performance.now() - from).toBeLessThan(TIMEOUT_MS / 2);
      expect(asked).toBe(reached);
      return true;
    }, 'one is refused at once');
    expect(await metric('upstream_circuit_state{service="project"}')).toBeGreaterThan(0);

    isFrozen = false;
    for (const response of held.splice(0)) response.destroy();
    await eventually(async () => (await edge.ask(request(PROJECT))).status === 200, 'it is asked again');
    for (let turn = 0; turn < 5; turn += 1) await edge.ask(request(PROJECT));
    expect((await readiness()).impaired).toBeUndefined();
    expect(await metric('upstream_circuit_state{service="project"}')).toBe(0);
  }, 30_000);
});

test('a service that sheds load is asked on, and says so to the client', async () => {
  isBusy = true;
  const reached = asked;
  for (let turn = 0; turn < 30; turn += 1) {
    const answer = await edge.ask(request(PROJECT));
    expect([answer.status, answer.field('x-nexus-shed')]).toEqual([503, undefined]);
  }
  expect(asked).toBe(reached + 30);
  isBusy = false;
  expect((await edge.ask(request(PROJECT))).status).toBe(200);
});

test('those who listen to events do not take the connections that requests need', async () => {
  const listeners = await Promise.all(Array.from({ length: 200 }, () => edge.client()));
  edge.origin.script = ({ target }) =>
    target.includes('stream')
      ? 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n'
      : 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
  for (const client of listeners) client.write(request('/api/v1/notifications/stream'));
  await Promise.all(
    listeners.map((client) => client.until(() => client.received.includes(':\n\n') || undefined, 'an event')),
  );
  expect((await edge.ask(request('/api/v1/notifications'))).status).toBe(200);
}, 30_000);
