import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ecsRecord } from './ecs-record.schemas.js';
import { MemoryDestination } from './log-destination.js';
import { createLogger, type LogLevel, MAX_LINE_BYTES } from './logger.js';
import { isLoggedRequest, logRequest, type RequestRecord, slowRequestLine } from './request-log.js';

const plain: RequestRecord = {
  service: 'project',
  method: 'GET',
  route: '/api/v1/projects/:id/members/:user_id',
  url: '/api/v1/projects/018f5c1e-7a2b-7c3d-8e4f-000000000001/members/me?limit=20&cursor=abc',
  status: 200,
  durationMicros: 1234.5,
  bytes: 512,
  requestId: '9b2c0f3e-1111-4222-8333-123456789abc',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  actorId: '018f5c1e-7a2b-7c3d-8e4f-000000000002',
  clientAddress: '203.0.113.7',
  cache: 'hit; detail=l1',
};

function setUp(level: LogLevel = 'info') {
  const destination = new MemoryDestination();
  const clock = { now: () => 1_767_323_045_006 };
  const logger = createLogger({ service: 'gateway', version: '1', environment: 'test', level, destination, clock });
  return { logger, destination, last: () => destination.records().at(-1) as Record<string, unknown> };
}

/** Both ways of writing a request. */
function both(request: RequestRecord) {
  const { logger, destination } = setUp();
  logRequest(logger, request);
  slowRequestLine(logger, request);
  const [fast, slow] = destination.lines as [string, string];
  expect(fast.indexOf('\n')).toBe(fast.length - 1);
  expect(Buffer.byteLength(fast)).toBeLessThanOrEqual(MAX_LINE_BYTES);
  return { fast, slow, record: ecsRecord.parse(JSON.parse(fast)) as Record<string, unknown> };
}

describe('an access line', () => {
  it('holds what is known of the request', () => {
    const { record } = both(plain);
    expect(record).toEqual({
      'log.level': 'info',
      '@timestamp': '2026-01-02T03:04:05.006Z',
      'ecs.version': '8.17.0',
      'service.name': 'project',
      'service.version': '1',
      'service.environment': 'test',
      'event.category': ['web'],
      'event.dataset': 'nexus.access',
      'event.outcome': 'success',
      'event.duration': 1_234_500,
      'http.request.id': plain.requestId,
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'http.response.body.bytes': 512,
      'url.path': '/api/v1/projects/018f5c1e-7a2b-7c3d-8e4f-000000000001/members/me',
      'url.query': 'limit&cursor',
      'trace.id': plain.traceId,
      'span.id': plain.spanId,
      'user.id': plain.actorId,
      'client.ip': '203.0.113.7',
      message: 'GET /api/v1/projects/:id/members/:user_id 200',
      nexus: { route: plain.route, cache: 'hit; detail=l1' },
    });
  });

  it('of a bare request holds no empty fields', () => {
    const { record } = both({
      method: 'GET',
      url: '/nowhere',
      status: 404,
      durationMicros: 0,
      requestId: plain.requestId,
    });
    expect(Object.keys(record).filter((key) => !/^(ecs|service|@|log|event|message)/.test(key))).toEqual([
      'http.request.id',
      'http.request.method',
      'http.response.status_code',
      'url.path',
      'nexus',
    ]);
    expect(record).toMatchObject({
      'service.name': 'gateway',
      'event.outcome': 'failure',
      nexus: { route: '(unmatched)' },
    });
  });

  it('has the level of its status and the code of its error', () => {
    expect(both({ ...plain, status: 404, errorCode: 'not_found' }).record).toMatchObject({
      'log.level': 'info',
      'event.outcome': 'failure',
      'error.code': 'not_found',
    });
    expect(both({ ...plain, status: 503 }).record['log.level']).toBe('error');
  });

  it('is left out below the level', () => {
    const { logger, destination } = setUp('error');
    logRequest(logger, plain);
    expect(destination.lines).toHaveLength(0);
    logRequest(logger, { ...plain, status: 500 });
    expect(destination.lines).toHaveLength(1);
  });

  it('of a child has what the child has bound', () => {
    const { logger, last } = setUp();
    logRequest(logger.child({ 'user.id': 'bound', 'labels.zone': 'a', own: 1 }), plain);
    expect(last()).toMatchObject({
      'user.id': plain.actorId,
      'labels.zone': 'a',
      nexus: { own: 1, route: plain.route },
    });
    logRequest(logger.child({ 'service.name': 'file' }), { ...plain, service: undefined });
    expect(last()['service.name']).toBe('file');
  });

  it('keeps an address that is none out of the field that must be one', () => {
    expect(both({ ...plain, clientAddress: 'unknown' }).record).toMatchObject({ 'client.address': 'unknown' });
    expect(both({ ...plain, clientAddress: '2001:db8::1' }).record).toMatchObject({ 'client.ip': '2001:db8::1' });
  });

  it.each([
    ['/a?b=1', '/a', 'b'],
    ['/a?', '/a', undefined],
    ['/a?&&', '/a', undefined],
    ['/a?b', '/a', '*'],
    ['/a?b=1&b=2&=3', '/a', 'b&b&*'],
    ['/a?b=?c=1', '/a', 'b'],
    ['*', '*', undefined],
    ['', '', undefined],
  ])('of %j has path %j and parameters %j', (url, path, query) => {
    const { record } = both({ ...plain, route: undefined, url });
    expect([record['url.path'], record['url.query']]).toEqual([path, query]);
  });

  it('hides the segment that its route calls a token', () => {
    const route = '/api/v1/files/shared/:token';
    const { record, fast } = both({ ...plain, route, url: '/api/v1/files/shared/tok-7?x=1' });
    expect(record['url.path']).toBe('/api/v1/files/shared/[REDACTED]');
    expect(fast).not.toContain('tok-7');
  });

  it.each([
    '/users/abc/"quoted',
    '/users/abc/nx_0123456789abcdef',
    '/users/abc/more/"x',
    '/users/nx_0123456789abcdef',
    '/other/"x',
  ])('of a path that its route does not explain is looked at all the same: %s', (url) => {
    const { record, slow, fast } = both({ ...plain, route: '/users/:id', url });
    expect(record).toEqual(JSON.parse(slow));
    expect(fast).not.toContain('nx_0123456789abcdef');
  });

  it('is bounded, whatever the client sends', () => {
    const long = 'é"\\\u0001/'.repeat(20_000);
    const { record } = both({
      ...plain,
      url: `/${long}?${'p=1&'.repeat(10_000)}`,
      method: long,
      errorCode: long,
      cache: long,
    });
    expect((record['url.path'] as string).length).toBeLessThan(1_100);
  });
});

describe('the fast way', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
    fc.constantFrom(
      '',
      'GET',
      'hit',
      'nx_0123456789',
      'Bearer abcdefgh',
      '[REDACTED]',
      'a=b',
      '/api/v1',
      'service:auth',
    ),
    fc.uuid(),
  );
  const target = fc.oneof(
    text,
    fc.webUrl({ withQueryParameters: true }),
    fc.tuple(text, text).map(([a, b]) => `/${a}?${b}`),
  );
  const route = fc.constantFrom(
    '/api/v1/projects/:id',
    '/files/shared/:token',
    '/a/{b}/c',
    '/auth/password/change',
    '/',
  );
  const number = fc.oneof(fc.nat(999), fc.double(), fc.integer());
  const request: fc.Arbitrary<RequestRecord> = fc.record(
    {
      method: text,
      url: target,
      status: fc.oneof(fc.integer({ min: 100, max: 599 }), number),
      durationMicros: number,
      requestId: text,
      service: text,
      route: fc.oneof(route, text),
      bytes: number,
      traceId: text,
      spanId: text,
      actorId: text,
      clientAddress: fc.oneof(fc.ipV4(), fc.ipV6(), text),
      cache: text,
      errorCode: text,
    },
    { requiredKeys: ['method', 'url', 'status', 'durationMicros', 'requestId'] },
  );
  /** The route's own path with ids, names or noise in its parameters. */
  const matching = fc
    .tuple(route, fc.oneof(fc.uuid(), text), request)
    .map(([template, value, rest]) => ({ ...rest, route: template, url: template.replace(/:\w+|\{\w+\}/g, value) }));

  /** An ordinary request with something odd in one or two places. */
  const nearlyPlain = fc.tuple(fc.oneof(request, matching), fc.nat(20), fc.nat(20)).map(([odd, ...places]) => {
    const keys = Object.keys(odd).filter((_key, index) => places.includes(index)) as (keyof RequestRecord)[];
    return { ...plain, ...Object.fromEntries(keys.map((key) => [key, odd[key]])) };
  });

  it('gives the same record as the slow one', () => {
    fc.assert(
      fc.property(fc.oneof(request, matching, nearlyPlain), (given) => {
        const { fast, slow } = both({ ...given, service: given.service || undefined });
        expect(JSON.parse(fast)).toEqual(JSON.parse(slow));
      }),
      { numRuns: 700 },
    );
  });

  it('is the one that ordinary requests take', () => {
    // Only the slow way asks for the fields one by one: it puts the name of the service first.
    const { fast, slow } = both(plain);
    expect(fast.indexOf('"service.version"')).toBeLessThan(fast.indexOf('"service.name"'));
    expect(slow.indexOf('"service.name"')).toBeLessThan(slow.indexOf('"service.version"'));
  });
});

describe('LOG_REQUESTS', () => {
  it('decides by the status', () => {
    const statuses = [200, 304, 400, 404, 499, 500, Number.NaN];
    expect(statuses.map((status) => isLoggedRequest('all', status))).toEqual(statuses.map(() => true));
    expect(statuses.map((status) => isLoggedRequest('none', status))).toEqual(statuses.map(() => false));
    expect(statuses.map((status) => isLoggedRequest('errors', status))).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
      true,
    ]);
  });
});
