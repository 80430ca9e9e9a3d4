import { describe, expect, it } from '@jest/globals';
import { ANONYMOUS, AppError, type CallContext, serviceActor } from '@nexus/kernel';
import fc from 'fast-check';
import { ecsRecord } from './ecs-record.schemas.js';
import { MemoryDestination } from './log-destination.js';
import { contextFields } from './log-fields.js';
import { createLogger, isoTime, type LogLevel, MAX_LINE_BYTES } from './logger.js';

function setUp(level: LogLevel = 'debug', now = Date.UTC(2026, 0, 2, 3, 4, 5, 6)) {
  const destination = new MemoryDestination();
  const clock = { now: () => now };
  const logger = createLogger({ service: 'auth', version: '1.2.3', environment: 'staging', level, destination, clock });
  return { logger, destination, last: () => destination.records().at(-1) as Record<string, unknown> };
}

/** One line, one record, valid, within its bound. */
function check(destination: MemoryDestination): Record<string, unknown> {
  const line = destination.lines.at(-1) as string;
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(line).not.toContain('\r');
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LINE_BYTES);
  return ecsRecord.parse(JSON.parse(line)) as Record<string, unknown>;
}

describe('a record', () => {
  it('is ECS with the fixed fields, the given ones and the rest below nexus', () => {
    const { logger, destination } = setUp();
    logger.info('It happened', {
      'event.action': 'it-happened',
      'user.id': 'u1',
      attempts: 3,
      nested: { a: [1, 'x'] },
    });
    expect(check(destination)).toEqual({
      '@timestamp': '2026-01-02T03:04:05.006Z',
      'log.level': 'info',
      'ecs.version': '8.17.0',
      'service.name': 'auth',
      'service.version': '1.2.3',
      'service.environment': 'staging',
      message: 'It happened',
      'event.action': 'it-happened',
      'user.id': 'u1',
      nexus: { attempts: 3, nested: { a: [1, 'x'] } },
    });
  });

  it.each(['debug', 'info', 'warn', 'error', 'fatal'] as const)('has its level: %s', (level) => {
    const { logger, destination } = setUp();
    logger[level]('x');
    expect(check(destination)['log.level']).toBe(level);
  });

  it('is left out below the level', () => {
    const { logger, destination } = setUp('warn');
    logger.debug('x');
    logger.info('x');
    expect(logger.isEnabled('info')).toBe(false);
    expect(destination.lines).toHaveLength(0);
    logger.warn('x');
    expect(logger.isEnabled('warn')).toBe(true);
    expect(destination.lines).toHaveLength(1);
    const silent = setUp('silent');
    silent.logger.fatal('x');
    expect(silent.destination.lines).toHaveLength(0);
  });

  it('cannot have its own fields replaced', () => {
    const { logger, destination } = setUp();
    logger.info('real', { message: 'forged', '@timestamp': 'forged', 'log.level': 'forged', 'ecs.version': 'forged' });
    const record = check(destination);
    expect(record.message).toBe('real');
    expect(record['log.level']).toBe('info');
    expect(record.nexus).toEqual({
      message: 'forged',
      '@timestamp': 'forged',
      'log.level': 'forged',
      'ecs.version': 'forged',
    });
  });

  it('has no key twice, whatever a child has bound', () => {
    const { logger, destination } = setUp();
    const child = logger.child({ 'service.name': 'user', 'user.id': 'a', own: 1 }).child({ 'user.id': 'b', other: 2 });
    child.info('x', { 'user.id': 'c', own: 3 });
    expect(destination.lines[0]?.match(/"user\.id"/g)).toHaveLength(1);
    expect(destination.lines[0]?.match(/"nexus"/g)).toHaveLength(1);
    const record = check(destination);
    expect(record).toMatchObject({ 'service.name': 'user', 'user.id': 'c', nexus: { own: 3, other: 2 } });
    logger.info('y');
    expect(check(destination)['service.name']).toBe('auth');
  });

  it('ties work to its request', () => {
    const { logger, last } = setUp();
    const context: CallContext = {
      actor: ANONYMOUS,
      requestId: '9b2c0f3e-1111-4222-8333-123456789abc',
      deadline: 0,
      trace: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: false },
      signal: new AbortController().signal,
      address: '2001:db8::1',
    };
    logger.child(contextFields(context)).info('x');
    expect(last()).toMatchObject({
      'http.request.id': '9b2c0f3e-1111-4222-8333-123456789abc',
      'trace.id': '0af7651916cd43dd8448eb211c80319c',
      'span.id': 'b7ad6b7169203331',
      'client.ip': '2001:db8::1',
    });
    expect(last()).not.toHaveProperty(['user.id']);
    logger.info('x', contextFields({ ...context, actor: serviceActor('file') }));
    expect(last()['user.id']).toBe('service:file');
  });
});

describe('errors', () => {
  it('have type, message, code and stack with all causes', () => {
    const { logger, destination } = setUp();
    const error = new AppError('email_taken', { status: 409, message: 'Taken.' }, { cause: new TypeError('the root') });
    logger.error('It failed', { error });
    const record = check(destination);
    expect(record).toMatchObject({ 'error.type': 'AppError', 'error.message': 'Taken.', 'error.code': 'email_taken' });
    expect(record['error.stack_trace']).toMatch(
      /^AppError: Taken\.\n {4}at [\s\S]*\nCaused by: TypeError: the root\n {4}at /,
    );
  });

  it('name their class, their parts and their numeric codes', () => {
    const { logger, last } = setUp();
    class QueryFailed extends Error {}
    logger.error('x', { err: new AggregateError([new QueryFailed('one'), 'no error'], 'all') });
    expect(last()['error.type']).toBe('AggregateError');
    expect(last()['error.stack_trace']).toContain('Together with: Error: one');
    logger.error('x', { error: Object.assign(new QueryFailed('q'), { code: 42 }) });
    expect(last()).toMatchObject({ 'error.type': 'QueryFailed', 'error.code': '42' });
  });

  it.each([
    ['a text', 'plain', 'plain'],
    ['nothing', null, 'null'],
    ['an object', { a: 1 }, '{"a":1}'],
    ['a number', 7, '7'],
  ])('may be %s', (_name, thrown, message) => {
    const { logger, destination } = setUp();
    logger.error('x', { error: thrown });
    expect(check(destination)['error.message']).toBe(message);
  });

  it('may have a cause that leads back to themselves', () => {
    const { logger, destination } = setUp();
    const error = new Error('round');
    error.cause = error;
    logger.error('x', { error });
    expect(check(destination)['error.message']).toBe('round');
  });
});

describe('hostile values', () => {
  const cyclic: Record<string, unknown> = { name: 'top' };
  cyclic.self = cyclic;
  cyclic.list = [cyclic, [cyclic]];
  const deep: Record<string, unknown> = {};
  let at = deep;
  for (let i = 0; i < 10_000; i++) {
    at.d = {};
    at = at.d as Record<string, unknown>;
  }
  const wide = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key${i}`, 'v'.repeat(100)]));
  const bushy = Array.from({ length: 60 }, () =>
    Array.from({ length: 60 }, () => Array.from({ length: 60 }, () => 'leaf')),
  );
  const thrower = Object.defineProperty({ ok: 1 }, 'bad', {
    enumerable: true,
    get: () => {
      throw new Error('no');
    },
  });
  const proxy = new Proxy(
    {},
    {
      get: () => {
        throw new Error('no');
      },
      ownKeys: () => {
        throw new Error('no');
      },
      getPrototypeOf: () => {
        throw new Error('no');
      },
    },
  );
  const cases: [string, unknown][] = [
    ['cycles', cyclic],
    ['depth', deep],
    ['width', wide],
    ['many nodes', bushy],
    ['a getter that throws', thrower],
    ['a proxy that throws', proxy],
    ['a toJSON in a toJSON', { toJSON: () => ({ toJSON: () => proxy }) }],
    ['a toJSON that throws', { toJSON: () => JSON.parse('{') as unknown }],
    [
      'a toJSON that gives itself',
      new (class Own {
        toJSON() {
          return this;
        }
      })(),
    ],
    ['control characters', '\u0000\r\n\u001b[31m'.repeat(20_000)],
    ['lone surrogates', '\ud800'.repeat(20_000)],
    ['wide characters', '漢'.repeat(20_000)],
    [
      'maps and sets',
      new Map<unknown, unknown>([
        [{ a: 1 }, new Set([1, 2])],
        ['k', new Map([['x', 1n]])],
      ]),
    ],
    ['bytes', [Buffer.from('secret'), new ArrayBuffer(8), new DataView(new ArrayBuffer(4))]],
    ['odd numbers', [Number.NaN, Number.POSITIVE_INFINITY, -0, 10n ** 40n]],
    ['functions and symbols', [() => 1, Symbol('s'), undefined]],
    ['dates', [new Date(0), new Date(Number.NaN)]],
    ['no prototype', Object.assign(Object.create(null) as object, { a: 1 })],
  ];

  it.each(cases)('give one bounded line: %s', (_name, value) => {
    const { logger, destination } = setUp();
    const began = process.cpuUsage();
    logger.info(typeof value === 'string' ? value : 'x', { value, 'labels.value': value as string, error: value });
    logger
      .child({ bound: value })
      .child({ again: value })
      .error('x', { value, more: [value, value, value] });
    expect(destination.lines).toHaveLength(2);
    check(destination);
    check({ lines: destination.lines.slice(0, 1) } as MemoryDestination);
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1000).toBeLessThan(500);
  });

  it('keep what is known of them', () => {
    const { logger, last } = setUp();
    logger.info('x', { cyclic, thrower, date: new Date(0), bytes: Buffer.from('abc'), big: 5n, nan: Number.NaN });
    expect(last().nexus).toMatchObject({
      cyclic: { name: 'top', self: { name: 'top' } },
      thrower: { ok: 1 },
      date: '1970-01-01T00:00:00.000Z',
      bytes: '[3 bytes]',
      big: '5',
      nan: 'NaN',
    });
  });

  it('do not set a prototype', () => {
    const { logger, last } = setUp();
    logger.info(
      'x',
      JSON.parse('{"__proto__":{"polluted":1},"in":{"__proto__":{"polluted":2}}}') as Record<string, unknown>,
    );
    expect(JSON.stringify(last().nexus)).toBe('{"__proto__":{"polluted":1},"in":{"__proto__":{"polluted":2}}}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('never throw, never break the line, never exceed it (anything)', () => {
    const { logger, destination } = setUp();
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
    });
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.dictionary(fc.string(), anything),
        anything,
        (message, fields, error) => {
          logger.info(message, fields);
          check(destination);
          logger.child(fields).error(message, { ...fields, error });
          check(destination);
          destination.lines.length = 0;
        },
      ),
      { numRuns: 300 },
    );
  });

  it('a line that escaping has blown up keeps its core', () => {
    const { logger, destination } = setUp();
    const noise = '\u0001'.repeat(4_000);
    logger.error(noise, {
      'trace.id': 'abc',
      'labels.a': noise,
      'labels.b': noise,
      'labels.c': noise,
      noise,
      'user.id': 'u1',
    });
    expect(Buffer.byteLength(JSON.stringify({ noise, b: noise }))).toBeGreaterThan(MAX_LINE_BYTES);
    const record = check(destination);
    expect(record).toMatchObject({
      'trace.id': 'abc',
      'user.id': 'u1',
      'log.level': 'error',
      'labels.truncated': 'true',
    });
    expect(record.message).toBe('\u0001'.repeat(512));
  });
});

describe('time', () => {
  it('is UTC with milliseconds, as toISOString writes it', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (ms) => {
        expect(isoTime(ms)).toBe(new Date(ms).toISOString());
      }),
    );
  });
});
