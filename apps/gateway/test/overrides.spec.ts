import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { type Edge, openEdge } from './support/edge.js';
import { ForeignServer } from './support/foreign-server.js';
import { lines } from './support/raw-client.js';

const HOST = 'Host: api.example';
let folder: string;
let file: string;
let edge: Edge;
let one: ForeignServer;
let two: ForeignServer;
let versions = 0;

const get = (path: string, ...fields: string[]) => edge.ask(lines(`GET ${path} HTTP/1.1`, HOST, ...fields));
const post = (path: string, body: string, ...fields: string[]) =>
  edge.ask(lines(`POST ${path} HTTP/1.1`, HOST, `Content-Length: ${body.length}`, ...fields) + body);

/** Puts another file in the place of the one in force, as deployments do. */
async function write(content: unknown): Promise<void> {
  const next = `${file}.${versions++}`;
  await writeFile(next, typeof content === 'string' ? content : JSON.stringify(content));
  await rename(next, file);
}

const logged = () => edge.log.records().map(({ message }) => String(message));

/** Puts a file into force, and waits until it is. */
async function apply(content: { operations?: object; routes?: object[] }): Promise<void> {
  const name = `mark-${versions}`;
  const mark = { name, path: `/${name}`, upstreams: [one.url], access: 'public' };
  await write({ ...content, routes: [...(content.routes ?? []), mark] });
  await eventually(async () => (await get(`/${name}`)).status === 200, `${name} is in force`);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-routes-'));
  file = join(folder, 'routes.json');
  one = await ForeignServer.open();
  two = await ForeignServer.open();
  await writeFile(
    file,
    JSON.stringify({ routes: [{ name: 'first', path: '/first', upstreams: [one.url], access: 'public' }] }),
  );
  edge = await openEdge({ env: { GATEWAY_ROUTES_FILE: file } });
}, 60_000);

afterEach(() => {
  edge.reset();
  one.seen.length = 0;
  two.seen.length = 0;
  one.answer = (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
});

afterAll(async () => {
  await edge?.close();
  await one?.close();
  await two?.close();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

describe('operations of the platform', () => {
  test('are switched off with 503 and a time, or as if they were not there', async () => {
    await apply({
      operations: {
        getProject: { off: { status: 503, retry_after_seconds: 77 } },
        listProjects: { off: { status: 404 } },
      },
    });
    const id = '01900000-0000-7000-8000-000000000000';
    const off = await get(`/api/v1/projects/${id}`);
    expect([off.status, off.field('retry-after'), off.errorCode]).toEqual([503, '77', 'unavailable']);
    const gone = await get('/api/v1/projects', edge.bearer);
    expect([gone.status, gone.errorCode]).toEqual([404, 'not_found']);
    const other = await edge.ask(lines('PUT /api/v1/projects HTTP/1.1', HOST, 'Content-Length: 0'));
    expect([other.status, other.field('allow')]).toEqual([405, 'POST, OPTIONS']);
    expect(edge.origin.seen).toHaveLength(0);
    await apply({});
    expect((await get('/api/v1/projects', edge.bearer)).status).toBe(200);
  });

  test('have another time-out, body limit and header fields', async () => {
    await apply({
      operations: {
        createProject: {
          timeout_ms: 300,
          body_bytes: 20,
          request: { headers: { set: { 'X-Tenant': 'blue' }, remove: ['X-Debug'], rename: { 'X-Old': 'X-New' } } },
        },
      },
    });
    const type = 'Content-Type: application/json';
    const large = await post('/api/v1/projects', '{"name":"longer than that"}', edge.bearer, type);
    expect([large.status, large.errorCode]).toEqual([413, 'payload_too_large']);
    expect((await post('/api/v1/projects', '{"name":"a"}', edge.bearer, type, 'X-Debug: 1', 'X-Old: o')).status).toBe(
      200,
    );
    const [seen] = edge.origin.seen;
    expect([seen?.field('x-tenant'), seen?.field('x-debug'), seen?.field('x-old'), seen?.field('x-new')]).toEqual([
      'blue',
      undefined,
      undefined,
      'o',
    ]);
    edge.origin.script = () => undefined;
    const slow = await post('/api/v1/projects', '{"name":"a"}', edge.bearer, type);
    expect([slow.status, slow.errorCode]).toEqual([504, 'timed_out']);
  });
});

describe('operations that this process serves itself', () => {
  test('are changed and switched off like those that run elsewhere', async () => {
    await apply({
      operations: {
        getDiscovery: { timeout_ms: 5_000, request: { headers: { set: { 'X-Tenant': 'blue' } } } },
        getOpenApi: { off: { status: 503 } },
      },
    });
    expect((await get('/')).status).toBe(200);
    const off = await get('/api/v1/openapi.json');
    expect([off.status, off.field('retry-after')]).toEqual([503, '60']);
    await apply({});
    expect((await get('/api/v1/openapi.json')).status).toBe(200);
  });
});

describe('routes to servers outside the platform', () => {
  test('pass method, path, query and body byte by byte, and say nothing about the user', async () => {
    await apply({
      routes: [{ name: 'shop', path: '/shop/*', methods: ['GET', 'POST'], upstreams: [one.url], access: 'signed-in' }],
    });
    expect((await get('/shop/a')).status).toBe(401);
    const body = '{"big":12345678901234567890, "a" : 1.0}';
    const reply = await post('/shop/a%20b/%7Ec?x=%41&y', body, edge.bearer, 'X-Api-Key: nx_k', 'X-User-Id: me', 'A: b');
    expect([reply.status, reply.text]).toEqual([200, '{"ok":true}']);
    const { method, url, headers, body: seen } = one.last;
    expect([method, url, seen.toString()]).toEqual(['POST', '/shop/a%20b/%7Ec?x=%41&y', body]);
    expect(headers).toMatchObject({ a: 'b', host: `127.0.0.1:${one.port}`, via: '1.1 nexus' });
    const names = Object.keys(headers);
    expect(names.filter((name) => /^(authorization|x-api-key|x-user-|x-nexus-)/.test(name))).toEqual([]);
    expect(headers['x-request-id']).toBe(reply.field('x-request-id'));
  });

  test('pass the user’s Authorization on where that is declared', async () => {
    await apply({ routes: [{ name: 'own', path: '/own', upstreams: [one.url], pass_authorization: true }] });
    await get('/own', edge.bearer);
    expect(`Authorization: ${one.last.headers.authorization}`).toBe(edge.bearer);
  });

  test('let in whom they are declared for', async () => {
    await apply({
      routes: [
        { name: 'open', path: '/open', upstreams: [one.url], access: 'public' },
        { name: 'admins', path: '/admins', upstreams: [one.url], access: { roles: ['admin'] } },
      ],
    });
    expect((await get('/open')).status).toBe(200);
    expect((await get('/admins', edge.bearer)).errorCode).toBe('forbidden');
    expect((await get('/admins', `Authorization: Bearer ${edge.token({ role: 'admin' })}`)).status).toBe(200);
    const wrong = await post('/open', '');
    expect([wrong.status, wrong.field('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });

  test('strip a prefix, or have another path at the server', async () => {
    await apply({
      routes: [
        { name: 'strip', path: '/ext/strip/*', upstreams: [one.url], access: 'public', strip_prefix: '/ext/strip' },
        {
          name: 'rewrite',
          path: '/ext/{city}/now/*',
          upstreams: [one.url],
          access: 'public',
          rewrite: '/v2/{city}/weather/*',
        },
      ],
    });
    const seen: string[] = [];
    for (const path of ['/ext/strip/', '/ext/strip/a/b%20c?q=1', '/ext/K%C3%B6ln/now/x/y?z', '/%65xt/%73trip/d']) {
      expect((await get(path)).status).toBe(200);
      seen.push(one.last.url);
    }
    expect(seen).toEqual(['/', '/a/b%20c?q=1', '/v2/K%C3%B6ln/weather/x/y?z', '/d']);
  });

  test.each([
    '/e/a/../b',
    '/e/%2e%2e/b',
    '/e/a%2fb',
    '/e/a//b',
    '/e/a;/b',
    '/e/a%5c..',
    '/e/%252e%252e/b',
    '/e/a%3bx',
  ])('refuse %s, which can be read in two ways', async (path) => {
    await apply({ routes: [{ name: 'e', path: '/e/*', upstreams: [one.url], access: 'public', strip_prefix: '/e' }] });
    const before = one.seen.length;
    expect((await get(path)).errorCode).toBe('bad_request');
    expect(one.seen).toHaveLength(before);
  });

  test('have limits of their own', async () => {
    await apply({
      routes: [
        {
          name: 'small',
          path: '/small',
          methods: ['GET', 'POST'],
          upstreams: [one.url],
          access: 'public',
          limits: { timeout_ms: 300, body_bytes: 100_000 },
        },
        { name: 'json', path: '/json', methods: ['POST'], upstreams: [one.url], access: 'public', consumes: 'json' },
      ],
    });
    one.answer = () => undefined;
    expect((await get('/small')).errorCode).toBe('timed_out');
    one.seen.length = 0;
    const chunk = `${(60_000).toString(16)}\r\n${'x'.repeat(60_000)}\r\n`;
    const head = lines('POST /small HTTP/1.1', HOST, 'Transfer-Encoding: chunked');
    const large = await edge.ask(`${head}${chunk}${chunk}0\r\n\r\n`);
    expect([large.status, large.errorCode]).toEqual([413, 'payload_too_large']);
    expect(one.seen).toHaveLength(0);
    const form = await post('/json', 'a=b', 'Content-Type: application/x-www-form-urlencoded');
    expect(form.errorCode).toBe('unsupported_media_type');
  });

  test('stream large bodies and answers', async () => {
    await apply({ routes: [{ name: 'up', path: '/up', methods: ['POST'], upstreams: [one.url], access: 'public' }] });
    one.answer = ({ body }, response) => response.writeHead(201).end(body);
    const body = 'abcdefgh'.repeat(40_000);
    const reply = await post('/up', body, 'Content-Type: text/plain');
    expect([reply.status, reply.text === body]).toEqual([201, true]);
  });

  test('tell every error of a server in the one format', async () => {
    await apply({ routes: [{ name: 'bad', path: '/bad/{status}', upstreams: [one.url], access: 'public' }] });
    one.answer = ({ url }, response) =>
      response.writeHead(Number(url.slice(5))).end('<h1>stack trace of Acme 1.2</h1>');
    const codes: unknown[] = [];
    for (const status of [400, 401, 404, 418, 500, 503]) {
      const reply = await get(`/bad/${status}`);
      expect(reply.text).not.toContain('Acme');
      codes.push([reply.status, reply.errorCode]);
    }
    expect(codes).toEqual([
      [400, 'bad_request'],
      [expect.any(Number), expect.any(String)],
      [404, 'not_found'],
      [400, 'bad_request'],
      [502, 'bad_gateway'],
      [503, 'unavailable'],
    ]);
  });

  test('spread over several servers, and go on to the next where one is away', async () => {
    const away = await ForeignServer.open();
    const gone = away.url;
    await away.close();
    await apply({
      routes: [
        { name: 'both', path: '/both', methods: ['GET', 'POST'], upstreams: [one.url, two.url], access: 'public' },
        { name: 'half', path: '/half', methods: ['GET', 'POST'], upstreams: [gone, two.url], access: 'public' },
        { name: 'none', path: '/none', methods: ['GET', 'POST'], upstreams: [gone], access: 'public' },
      ],
    });
    one.seen.length = 0;
    for (let i = 0; i < 10; i++) expect((await get('/both')).status).toBe(200);
    expect([one.seen.length, two.seen.length]).toEqual([5, 5]);
    for (let i = 0; i < 6; i++) {
      expect((await get('/half')).status).toBe(200);
      expect((await post('/half', 'x'.repeat(70_000))).status).toBe(200);
    }
    const failed = [await get('/none'), await post('/none', 'x'.repeat(70_000))];
    for (const reply of failed) expect([reply.status, reply.errorCode]).toEqual([503, 'unavailable']);
  });

  test('leave the paths of the platform alone', async () => {
    await apply({ routes: [{ name: 'api', path: '/api/v1/shop/{x}', upstreams: [one.url], access: 'public' }] });
    expect((await get('/api/v1/shop/1')).status).toBe(200);
    expect((await get('/api/v1/shop')).errorCode).toBe('not_found');
    expect((await get('/api/v1/projects', edge.bearer)).status).toBe(200);
    expect(edge.origin.seen).toHaveLength(1);
  });
});

describe('the file', () => {
  test('is refused as a whole when it is wrong, and what was in force stays', async () => {
    await apply({ routes: [{ name: 'stay', path: '/stay', upstreams: [one.url], access: 'public' }] });
    await write({
      operations: { createNothing: { timeout_ms: 1 } },
      routes: [{ name: 'bad', path: '/health/x', upstreams: ['ftp://x'] }],
    });
    await eventually(() => logged().some((line) => line.includes('routes[0].upstreams[0]')), 'the fault is told');
    const line = logged().find((text) => text.includes('routes[0].upstreams[0]'));
    expect(line).toContain('operations.createNothing: there is no such operation');
    expect((await get('/stay')).status).toBe(200);
    await write('{"routes": [');
    await eventually(() => logged().some((text) => text.includes('must be JSON')), 'the fault is told');
    await rm(file);
    await eventually(() => logged().some((text) => text.includes('cannot be read (ENOENT)')), 'the fault is told');
    expect((await get('/stay')).status).toBe(200);
    await apply({});
    expect((await get('/stay')).errorCode).toBe('not_found');
  });

  test('changes under a request, which keeps the route that it has', async () => {
    await apply({ routes: [{ name: 'old', path: '/old', methods: ['POST'], upstreams: [one.url], access: 'public' }] });
    const client = await edge.client();
    client.write(`${lines('POST /old HTTP/1.1', HOST, 'Content-Length: 10')}begin`);
    await apply({});
    expect((await post('/old', 'x')).errorCode).toBe('not_found');
    client.write('again');
    const reply = await client.mustReply();
    expect([reply.status, one.seen.find(({ url }) => url === '/old')?.body.toString()]).toEqual([200, 'beginagain']);
  });

  test('keeps the connections of servers that stay, and lets go of the others', async () => {
    const server = await ForeignServer.open();
    const route = { name: 'kept', path: '/kept', upstreams: [server.url], access: 'public' };
    await apply({ routes: [route] });
    await get('/kept');
    await apply({ routes: [route, { name: 'more', path: '/more', upstreams: [one.url] }] });
    await get('/kept');
    expect(server.connections).toBe(1);
    await apply({});
    await eventually(() => server.sockets.size === 0, 'the connection ends');
    await server.close();
  });
});
