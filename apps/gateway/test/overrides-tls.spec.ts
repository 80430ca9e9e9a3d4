import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TestAuthority } from '@nexus/testing';
import { type Edge, openEdge } from './support/edge.js';
import { ForeignServer } from './support/foreign-server.js';
import { lines } from './support/raw-client.js';

const HOST = 'Host: api.example';
const trusted = getCACertificates('default');
let folder: string;
let edge: Edge;
let known: ForeignServer;
let unknown: ForeignServer;
let misnamed: ForeignServer;

/** Asks whoever connects for a certificate, and takes those who show none. */
async function serve(authority: TestAuthority, options: Parameters<TestAuthority['issue']>[1] = {}) {
  const { cert, key } = await authority.issue('auth', options);
  return ForeignServer.open({ cert, key, requestCert: true, rejectUnauthorized: false });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-routes-'));
  const authority = await TestAuthority.create('Public CA');
  const { ca } = await authority.issue('auth');
  setDefaultCACertificates([...trusted, ca]);
  known = await serve(authority);
  misnamed = await serve(authority, { names: [{ type: 'dns', value: 'other.example' }] });
  unknown = await serve(await TestAuthority.create('Nobody'));
  const routes = Object.entries({ known, unknown, misnamed }).map(([name, { url }]) => {
    return { name, path: `/${name}`, methods: ['GET', 'POST'], upstreams: [url], access: 'public', websocket: true };
  });
  const file = join(folder, 'routes.json');
  await writeFile(file, JSON.stringify({ routes }));
  edge = await openEdge({ tls: true, env: { GATEWAY_ROUTES_FILE: file } });
}, 60_000);

afterAll(async () => {
  setDefaultCACertificates(trusted);
  await edge?.close();
  for (const server of [known, unknown, misnamed]) await server?.close();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

const streamed = `${lines('POST /known HTTP/1.1', HOST, 'Transfer-Encoding: chunked')}2\r\nhi\r\n0\r\n\r\n`;
const socket = (path: string) =>
  lines(
    `GET ${path} HTTP/1.1`,
    ...[HOST, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  );

test('a server outside the platform is never shown the platform’s certificate', async () => {
  expect((await edge.ask(lines('GET /known HTTP/1.1', HOST))).status).toBe(200);
  expect((await edge.ask(streamed)).status).toBe(200);
  const client = await edge.client();
  client.write(socket('/known'));
  await client.until(() => (client.received.includes('101 Switching Protocols') ? true : undefined), 'answer');
  expect(known.seen.map(({ method, url, certificate }) => [method, url, certificate])).toEqual([
    ['GET', '/known', {}],
    ['POST', '/known', {}],
    ['GET', '/known', {}],
  ]);
  // The platform's own service, on the same process, is shown one.
  expect((await edge.ask(lines('GET /api/v1/projects HTTP/1.1', HOST, edge.bearer))).status).toBe(200);
});

test.each(['/unknown', '/misnamed'])('%s, which cannot prove its name, gets nothing', async (path) => {
  for (const bytes of [lines(`GET ${path} HTTP/1.1`, HOST), streamed.replace('/known', path), socket(path)]) {
    const reply = await edge.ask(bytes);
    expect([reply.status, reply.errorCode]).toEqual([502, 'bad_gateway']);
  }
  expect(unknown.seen.length + misnamed.seen.length).toBe(0);
});
