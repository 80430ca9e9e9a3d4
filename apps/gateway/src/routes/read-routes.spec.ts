import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '@nexus/config';
import { ROUTE_MANIFEST } from '@nexus/contracts';
import { gatewayConfig } from '../gateway.config.js';
import { RoutesFileError, RoutesReader, readRoutes } from './read-routes.js';
import { routesRule } from './routes-rule.js';

const route = { name: 'a', path: '/ext/a', upstreams: ['https://a.example'] };

function faultsOf(content: unknown): readonly string[] {
  try {
    readRoutes(typeof content === 'string' ? content : JSON.stringify(content), ROUTE_MANIFEST);
    return [];
  } catch (error) {
    if (error instanceof RoutesFileError) return error.faults;
    throw error;
  }
}

const routeFaults = (change: object) => faultsOf({ routes: [{ ...route, ...change }] });
const operationFaults = (name: string, change: object) => faultsOf({ operations: { [name]: change } });

test('the example of the operator’s page is usable', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/gateway.md'), 'utf8');
  const examples = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => match[1] as string);
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) expect(faultsOf(example)).toEqual([]);
  const { operations, routes } = readRoutes(examples[0] as string, ROUTE_MANIFEST);
  expect([operations.size, routes.length]).toEqual([3, 4]);
});

test('what is not told is as the page says', () => {
  const [read] = readRoutes(JSON.stringify({ routes: [route] }), ROUTE_MANIFEST).routes;
  expect(read).toMatchObject({
    methods: ['GET'],
    access: 'signed-in',
    consumes: 'stream',
    pass_authorization: false,
    websocket: false,
    events: false,
  });
});

describe('a file', () => {
  test.each([
    ['{'],
    ['[]'],
    ['null'],
    ['{"route":[]}'],
    ['{"routes":{}}'],
    ['{"routes":[1]}'],
    [''],
  ])('%s is none', (text) => {
    expect(faultsOf(text)).not.toEqual([]);
  });

  test('has every fault named with its place, and no value', () => {
    const faults = faultsOf({
      operations: { login: { timeout_ms: 'soon', rate_limit: 0 }, nothing: {} },
      routes: [
        {
          ...route,
          upstreams: ['https://user:hunter2@a.example'],
          request: { headers: { set: { 'x-k': 'hunter2\n' } } },
        },
        { ...route, name: 'B', path: 'b' },
      ],
    });
    const text = faults.join('\n');
    for (const place of [
      'operations.login.timeout_ms: ',
      'operations.login: unrecognized key: "rate_limit"',
      'operations.nothing: there is no such operation',
      'routes[0].upstreams[0]: must be an address',
      'routes[0].request.headers.set.x-k: must be printable ASCII',
      'routes[1].name: must be lower-case words',
      'routes[1].path: must be a path such as',
    ])
      expect(text).toContain(place);
    expect(text).not.toContain('hunter2');
  });

  test('of another kind has some of its faults named, and the rest counted', () => {
    const routes = Array.from({ length: 50 }, () => ({}));
    expect(() => readRoutes(JSON.stringify({ routes }), ROUTE_MANIFEST)).toThrow(/; and \d+ more$/);
  });
});

describe('a route', () => {
  test.each([
    '/',
    '/health',
    '/health/x',
    '/docs/x',
    '/.well-known/x',
    '/internal/v1/x',
    '/metrics',
    '/dev/mail',
    '/api',
    '/api/{v}/x',
    '/api/v1/{x}',
    '/api/v1/*',
    '/api/*',
    '/{x}',
    '/*',
    '/api/v1/projects',
    '/api/v1/projects/x/y/z',
    '/api/v1/users/*',
    '/api/v1/search',
    '/api/v1/openapi.json',
  ])('cannot take %s from the platform', (path) => {
    expect(routeFaults({ path })).not.toEqual([]);
  });

  test.each([
    '/a/../b',
    '/a//b',
    '/a b',
    '/a?b',
    '/a/*/b',
    '/a/{B}',
    '/a/b*',
    '/a/%41',
  ])('cannot have the path %s', (path) => {
    expect(routeFaults({ path })).not.toEqual([]);
  });

  test.each([
    '/api/v1/shop',
    '/api/v2/projects',
    '/weather/{city}/*',
    '/healthy',
    '/a/',
  ])('can have the path %s', (path) => {
    expect(routeFaults({ path })).toEqual([]);
  });

  test.each([
    [{ upstreams: [] }],
    [{ upstreams: ['a.example'] }],
    [{ upstreams: ['https://a.example/base'] }],
    [{ upstreams: ['https://a.example?x'] }],
    [{ upstreams: ['file:///etc/passwd'] }],
    [{ methods: [] }],
    [{ methods: ['OPTIONS'] }],
    [{ access: { roles: [] } }],
    [{ access: 'nobody' }],
    [{ limits: { requests: 0 } }],
    [{ path: '/x/{a}/{a}' }],
    [{ strip_prefix: '/ex' }],
    [{ strip_prefix: '/ext/' }],
    [{ strip_prefix: '/ext', rewrite: '/b' }],
    [{ rewrite: '/b/{c}' }],
    [{ rewrite: '/b/*' }],
    [{ websocket: true, methods: ['POST'] }],
    [{ events: true, response: { envelope: true } }],
    [{ request: { body: { set: { a: 1 } } } }],
    [{ consumes: 'json', request: { body: { set: { 'a..b': 1 } } } }],
    [{ consumes: 'json', request: { body: { set: { 'a.__proto__': 1 } } } }],
    [{ limits: { answer_bytes: 10 } }],
    [{ request: { headers: { set: { 'X-A': 'a' }, remove: ['x-a'] } } }],
    [{ request: { query: { rename: { a: 'b' }, set: { b: 'c' } } } }],
  ])('cannot be %j', (change) => {
    expect(routeFaults(change)).not.toEqual([]);
  });

  test.each([
    'Connection',
    'te',
    'Transfer-Encoding',
    'Content-Length',
    'Host',
    'Via',
    'Forwarded',
    'X-Forwarded-For',
    'X-User-Id',
    'x_user_id',
    'X-Nexus-Client-Address',
    'Authorization',
    'X-API-Key',
    'Proxy-Authorization',
    'Sec-WebSocket-Key',
    'X-Request-Id',
    'traceparent',
    'bad name',
    '',
  ])('cannot set, remove or rename %j of its requests', (name) => {
    for (const headers of [
      { set: { [name]: 'a' } },
      { remove: [name] },
      { rename: { [name]: 'x-b' } },
      { rename: { 'x-b': name } },
    ])
      expect(routeFaults({ request: { headers } })).not.toEqual([]);
  });

  test.each([
    'Connection',
    'Content-Length',
    'X-Request-Id',
    'RateLimit-Limit',
    'Access-Control-Allow-Origin',
    'Strict-Transport-Security',
  ])('cannot set %s of its answers', (name) => {
    expect(routeFaults({ response: { headers: { set: { [name]: 'a' } } } })).not.toEqual([]);
  });

  test('cannot have what another has', () => {
    const other = { ...route, name: 'b', path: '/ext/{x}/b' };
    expect(faultsOf({ routes: [route, route] })).toEqual([
      'routes[1].name: routes[0] has it, too',
      'routes[1].path: routes[0] takes GET there, too',
    ]);
    expect(faultsOf({ routes: [other, { ...other, name: 'c', path: '/ext/{y}/b' }] })).toHaveLength(1);
    expect(faultsOf({ routes: [other, { ...other, name: 'c', methods: ['POST'] }] })).toEqual([]);
  });
});

describe('an operation', () => {
  test.each([
    ['nothing', { timeout_ms: 1 }],
    ['getReadiness', { off: { status: 503 } }],
    ['createProject', { timeout_ms: 60_000 }],
    ['createProject', { body_bytes: 1024 ** 3 }],
    ['listProjects', { body_bytes: 10 }],
    ['createProject', { rate_limit: 'none' }],
    ['createProject', { off: { status: 404 }, timeout_ms: 5 }],
    ['createProject', { off: { status: 200 } }],
    ['createProject', { request: { body: { set: { a: 1 } } } }],
    ['createProject', { request: { headers: { set: { 'If-Match': 'x' } } } }],
    ['createProject', { request: { headers: { set: { 'Content-Type': 'x' } } } }],
    ['createProject', { request: { headers: { remove: ['Idempotency-Key'] } } }],
    ['createProject', { response: {} }],
  ])('%s cannot be %j', (name, change) => {
    expect(operationFaults(name, change)).not.toEqual([]);
  });

  test('can be shorter, smaller, off', () => {
    expect(operationFaults('createProject', { timeout_ms: 500, body_bytes: 1_000 })).toEqual([]);
    expect(operationFaults('createProject', { off: { status: 503 } })).toEqual([]);
  });
});

test('what a file had before is not looked at again', () => {
  const reader = new RoutesReader(ROUTE_MANIFEST);
  const read = (routes: object[]) => {
    const steps = reader.read(JSON.stringify({ routes }));
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value.routes;
    }
  };
  const before = read([route]);
  const after = read([{ ...route, name: 'new', path: '/new' }, route]);
  expect(after[1]).toBe(before[0]);
});

test('a wrong file keeps the process from starting, with one sentence', () => {
  const load = (routes: string) => loadConfig([gatewayConfig], { GATEWAY_ROUTES: routes }, [routesRule]);
  expect(() => load('{}')).not.toThrow();
  expect(() => load('{"routes":[{"name":"x","path":"/health/x","upstreams":["http://a"]}]}')).toThrow(
    'The configuration is not usable: GATEWAY_ROUTES: routes[0].path: /health belongs to the platform.',
  );
  expect(load('{"routes":[]}').masked()).toMatchObject({ GATEWAY_ROUTES: '********' });
});
