import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { type Edge, openEdge } from './support/edge.js';
import { ForeignServer } from './support/foreign-server.js';

const ROUTES = 2_000;
const CHANGES = 60;
const GAP_MS = 20;
const CLIENTS = 8;

let folder: string;
let file: string;
let edge: Edge;
let server: ForeignServer;

/** A file of many routes, of which every tenth differs from one version to the next. */
function content(version: number): string {
  const routes = Array.from({ length: ROUTES }, (_, i) => ({
    name: `r${i}`,
    path: `/load/s${i % 50}/r${i}/{id}/*`,
    methods: ['GET', 'POST'],
    upstreams: [server.url],
    access: 'public',
    strip_prefix: '/load',
    request: { headers: { set: { 'x-version': String(i % 10 === 0 ? version : 0) } } },
  }));
  return JSON.stringify({ operations: { listProjects: { timeout_ms: 9_000 + (version % 2) } }, routes });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-routes-'));
  file = join(folder, 'routes.json');
  server = await ForeignServer.open();
  server.answer = ({ headers }, response) => response.end(String(headers['x-version']));
  await writeFile(file, content(0));
  edge = await openEdge({ env: { GATEWAY_ROUTES_FILE: file, LOG_REQUESTS: 'none' } });
}, 60_000);

afterAll(async () => {
  await edge?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

test(`${CHANGES} changes of ${ROUTES} routes, 50 a second, fail no request`, async () => {
  const agent = new Agent({ keepAlive: true });
  const ask = (path: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = { authorization: edge.bearer.slice('Authorization: '.length) };
      get({ agent, port: edge.port, host: '127.0.0.1', path, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      }).on('error', reject);
    });
  let going = true;
  let answered = 0;
  const failed: string[] = [];
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let i = client; going; i++) {
      // A route that never changes, one that does each time, and one of the platform.
      const n = (i * 37) % (ROUTES / 10);
      const paths = [`/load/s${(n * 10 + 1) % 50}/r${n * 10 + 1}/7/x`, `/load/s${(n * 10) % 50}/r${n * 10}/7/x`];
      const path = [...paths, '/api/v1/projects'][i % 3] as string;
      const reply = await ask(path).catch((error: Error) => ({ status: 0, text: error.message }));
      answered += 1;
      if (reply.status !== 200) failed.push(`${path}: ${reply.status} ${reply.text}`);
    }
  });
  const from = performance.now();
  for (let version = 1; version <= CHANGES; version++) {
    await writeFile(`${file}.next`, content(version));
    await rename(`${file}.next`, file);
    const wait = from + version * GAP_MS - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  const written = performance.now() - from;
  let last = '';
  while (last !== String(CHANGES)) {
    last = (await ask('/load/s0/r0/1/x')).text;
    if (performance.now() - from > written + 10_000) break;
  }
  going = false;
  await Promise.all(clients);
  agent.destroy();
  const reloads = edge.log.records().filter((record) => record['event.action'] === 'routes-changed');
  expect(failed).toEqual([]);
  expect(last).toBe(String(CHANGES));
  expect(answered).toBeGreaterThan(200);
  expect(reloads.length).toBeGreaterThan(5);
  await eventually(() => edge.running.app.policy.inFlight.size === 0, 'nothing is left');
}, 60_000);
