import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Edge, openEdge } from './support/edge.js';
import { ForeignServer } from './support/foreign-server.js';
import { lines } from './support/raw-client.js';

const HOST = 'Host: api.example';
const JSON_TYPE = 'Content-Type: application/json';
let folder: string;
let edge: Edge;
let server: ForeignServer;

const get = (path: string, ...fields: string[]) => edge.ask(lines(`GET ${path} HTTP/1.1`, HOST, ...fields));
const post = (path: string, body: string, ...fields: string[]) =>
  edge.ask(lines(`POST ${path} HTTP/1.1`, HOST, `Content-Length: ${Buffer.byteLength(body)}`, ...fields) + body);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-routes-'));
  server = await ForeignServer.open();
  const base = { upstreams: [server.url], access: 'public' };
  const routes = [
    {
      ...base,
      name: 'fields',
      path: '/fields',
      methods: ['GET', 'POST'],
      request: {
        headers: { set: { 'X-Set': 'new' }, remove: ['X-Gone'], rename: { 'X-A': 'X-B', Cookie: 'X-Cookie' } },
        query: { set: { fixed: 'a b&c' }, remove: ['gone'], rename: { from: 'to' } },
      },
      response: { headers: { set: { 'X-New': 'n' }, remove: ['X-Secret'], rename: { 'X-One': 'X-Two' } } },
    },
    {
      ...base,
      name: 'body',
      path: '/body',
      methods: ['POST'],
      consumes: 'json',
      limits: { body_bytes: 1_000 },
      request: {
        body: {
          rename: { first: 'name.first', 'deep.old': 'kept' },
          remove: ['secret', 'deep.gone'],
          set: { source: 'nexus', 'meta.tags': ['a'] },
        },
      },
    },
    { ...base, name: 'json', path: '/json', methods: ['POST'], consumes: 'json' },
    {
      ...base,
      name: 'wrap',
      path: '/wrap',
      methods: ['GET', 'POST'],
      limits: { answer_bytes: 1_000 },
      response: { envelope: true, headers: { set: { 'X-Wrapped': 'yes' } } },
    },
  ];
  const file = join(folder, 'routes.json');
  await writeFile(file, JSON.stringify({ routes }));
  edge = await openEdge({ env: { GATEWAY_ROUTES_FILE: file } });
}, 60_000);

afterEach(() => {
  edge.reset();
  server.seen.length = 0;
  server.answer = (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
});

afterAll(async () => {
  await edge?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

describe('requests', () => {
  test('have fields and query changed as declared, and nothing else', async () => {
    const fields = ['X-Set: old', 'X-Gone: 1', 'X-A: a', 'X-B: b', 'Cookie: c=d', 'X-Other: o'];
    await get('/fields?keep=%7e&gone=1&from=%41+b&to=x&gone&fixed=old&last', ...fields);
    const { url, headers } = server.last;
    expect(url).toBe('/fields?keep=%7e&to=%41+b&last&fixed=a%20b%26c');
    expect(headers).toMatchObject({ 'x-set': 'new', 'x-b': 'a', 'x-cookie': 'c=d', 'x-other': 'o' });
    for (const name of ['x-gone', 'x-a', 'cookie']) expect(headers[name]).toBeUndefined();
    await get('/fields');
    expect(server.last.url).toBe('/fields?fixed=a%20b%26c');
  });

  test('have members of a JSON body changed; numbers stay as they were written', async () => {
    const body =
      '{"first":"Ada","id":12345678901234567890,"rate":1.50,"secret":1,"deep":{"old":[1e2],"gone":0,"stays":true}}';
    await post('/body', body, JSON_TYPE);
    expect(server.last.body.toString()).toBe(
      '{"id":12345678901234567890,"rate":1.50,"deep":{"stays":true},"name":{"first":"Ada"},"kept":[1e2],"source":"nexus","meta":{"tags":["a"]}}',
    );
    expect(server.last.headers['content-length']).toBe(String(server.last.body.length));
  });

  test.each([
    '[1, 2]',
    '"text"',
    'null',
    '12345678901234567890',
  ])('with the body %s, which is no object, pass as they came', async (body) => {
    await post('/body', body, JSON_TYPE);
    expect(server.last.body.toString()).toBe(body);
  });

  test.each([
    ['{"a":', 400, 'malformed_json'],
    ['{"__proto__":{"x":1}}', 400, 'malformed_json'],
    [`{"a":"${'x'.repeat(1_000)}"}`, 413, 'payload_too_large'],
  ])('with the body %.20s go nowhere', async (body, status, code) => {
    const reply = await post('/body', body, JSON_TYPE);
    expect([reply.status, reply.errorCode]).toEqual([status, code]);
    expect(server.seen).toHaveLength(0);
  });

  test('without a declaration pass byte by byte', async () => {
    const body = '{ "a" : 1.0,\n"camelCase":12345678901234567890 }';
    await post('/json?b=%7E&&a', body, JSON_TYPE);
    expect([server.last.url, server.last.body.toString()]).toEqual(['/json?b=%7E&&a', body]);
  });
});

describe('answers', () => {
  test('have fields changed as declared', async () => {
    server.answer = (_, response) =>
      response.writeHead(200, ['X-Secret', 's', 'X-One', '1', 'X-Two', '2', 'X-Stays', 'x', 'X-New', 'o']).end('text');
    const reply = await get('/fields');
    expect([reply.field('x-secret'), reply.field('x-one'), reply.field('x-two')]).toEqual([undefined, undefined, '1']);
    expect([reply.field('x-new'), reply.field('x-stays'), reply.text]).toEqual(['n', 'x', 'text']);
  });

  test('in JSON are put into the envelope, whatever their numbers', async () => {
    const value = '{"id":12345678901234567890, "rate" : 1.0}';
    server.answer = (_, response) =>
      response
        .writeHead(201, { 'content-type': 'application/vnd.acme+json', etag: '"e"', digest: 'sha-256=x' })
        .end(value);
    const reply = await post('/wrap', '{}', JSON_TYPE);
    expect(reply.status).toBe(201);
    expect(reply.text).toBe(`{"success":true,"data":${value},"request_id":"${reply.field('x-request-id')}"}`);
    expect([reply.field('content-type'), reply.field('content-length'), reply.field('x-wrapped')]).toEqual([
      'application/json; charset=utf-8',
      String(reply.body.length),
      'yes',
    ]);
    expect([reply.field('etag'), reply.field('digest')]).toEqual(['"e"', undefined]);
  });

  test('are asked for whole and plain, so that they can be', async () => {
    await get('/wrap', 'Accept-Encoding: gzip', 'Range: bytes=0-1');
    expect([server.last.headers['accept-encoding'], server.last.headers.range]).toEqual([undefined, undefined]);
  });

  test.each([
    ['no JSON by its type', 200, { 'content-type': 'text/plain' }, Buffer.from('{"a":1}')],
    ['no JSON by its bytes', 200, { 'content-type': 'application/json' }, Buffer.from('{"a":')],
    ['compressed', 200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }, gzipSync('{"a":1}')],
    ['a part', 206, { 'content-type': 'application/json', 'content-range': 'bytes 0-0/9' }, Buffer.from('1')],
    ['not there', 204, {}, Buffer.alloc(0)],
  ])('stay as they are when they are %s', async (_, status, headers, body) => {
    server.answer = (_seen, response) => response.writeHead(status, headers as Record<string, string>).end(body);
    const reply = await get('/wrap');
    expect([reply.status, reply.body]).toEqual([status, body]);
  });

  test('to HEAD have the fields of the envelope and no length, which nobody knows', async () => {
    const head = await edge.ask(lines('HEAD /wrap HTTP/1.1', HOST), true);
    expect([head.status, head.field('content-type'), head.field('content-length')]).toEqual([
      200,
      'application/json; charset=utf-8',
      undefined,
    ]);
  });

  test('that are larger than an envelope may be are a bad gateway', async () => {
    server.answer = (_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(`"${'x'.repeat(2_000)}"`);
    const reply = await get('/wrap');
    expect([reply.status, reply.errorCode]).toEqual([502, 'bad_gateway']);
  });

  test('that are errors are told in the one format', async () => {
    server.answer = (_, response) => response.writeHead(404, { 'content-type': 'application/json' }).end('{"oops":1}');
    expect((await get('/wrap')).errorCode).toBe('not_found');
  });
});
