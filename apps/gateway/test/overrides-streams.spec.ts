import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { type Edge, openEdge } from './support/edge.js';
import { ForeignServer } from './support/foreign-server.js';
import { lines } from './support/raw-client.js';

const HOST = 'Host: api.example';
let folder: string;
let edge: Edge;
let server: ForeignServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-routes-'));
  server = await ForeignServer.open();
  const base = { upstreams: [server.url], access: 'public' };
  const routes = [
    { ...base, name: 'events', path: '/events', events: true },
    { ...base, name: 'up', path: '/up', methods: ['POST'], limits: { body_bytes: 1_000_000 } },
  ];
  const file = join(folder, 'routes.json');
  await writeFile(file, JSON.stringify({ routes }));
  edge = await openEdge({ env: { GATEWAY_ROUTES_FILE: file, SHUTDOWN_DRAIN_MS: '0' } });
}, 60_000);

afterAll(async () => {
  await edge?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

async function openStream() {
  let ended = false;
  server.answer = (_, response) => {
    response.on('close', () => {
      ended = true;
    });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: one\n\n');
  };
  const client = await edge.client();
  client.write(lines('GET /events HTTP/1.1', HOST, 'Accept: text/event-stream'));
  await client.until(() => (client.received.includes('data: one\n\n') ? true : undefined), 'event');
  return { client, isEnded: () => ended };
}

test('events come at once, and a client that goes ends the stream at the server', async () => {
  const { client, isEnded } = await openStream();
  client.destroy();
  await eventually(isEnded, 'the server is told');
});

test('a client that goes in the middle of its upload ends the request at the server', async () => {
  let aborted = false;
  server.onHead = (request) => {
    request
      .on('error', () => undefined)
      .on('close', () => {
        aborted = !request.complete;
      });
    request.resume();
    return true;
  };
  const client = await edge.client();
  client.write(`${lines('POST /up HTTP/1.1', HOST, 'Content-Length: 900000')}begin`);
  await eventually(() => server.sockets.size > 0, 'the server has the request');
  client.destroy();
  await eventually(() => aborted, 'the server is told');
  server.onHead = () => false;
});

test('a body is asked for when the server wants it, and no sooner', async () => {
  server.onHead = (request, response) => {
    if (request.headers['x-refuse'] === undefined) return false;
    response.writeHead(415).end();
    return true;
  };
  const fields = [HOST, 'Content-Length: 5', 'Expect: 100-continue'];
  const refused = await edge.ask(lines('POST /up HTTP/1.1', ...fields, 'X-Refuse: yes'));
  expect(refused.errorCode).toBe('unsupported_media_type');
  server.answer = ({ body }, response) => response.end(body);
  const client = await edge.client();
  client.write(lines('POST /up HTTP/1.1', ...fields));
  expect((await client.mustReply()).status).toBe(100);
  client.write('hello');
  expect((await client.mustReply()).text).toBe('hello');
});

test('a stream ends in order when the gateway stops', async () => {
  const { client, isEnded } = await openStream();
  await edge.running.stop();
  await client.closed();
  expect(client.received.toString('latin1').endsWith('0\r\n\r\n')).toBe(true);
  await eventually(isEnded, 'the server is told');
});
