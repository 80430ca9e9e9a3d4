import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { definePort, type PortClass } from '@nexus/contracts';
import { ANONYMOUS, AppError, type CallContext } from '@nexus/kernel';
import { createLogger, MemoryDestination } from '@nexus/observability';
import { RetryBudget, ServicePoolError } from '@nexus/resilience';
import { closeServer, eventually, listenSomewhere, testContext, testServiceContext, testUser } from '@nexus/testing';
import { type Dispatcher, Pool } from 'undici';
import { z } from 'zod';
import { type CallDispatcher, remotePort } from './index.js';

interface Kitchen {
  cook(ctx: CallContext, input: { dish: string }): Promise<{ dish: string }>;
  order(ctx: CallContext, input: { dish: string }): Promise<{ dish: string }>;
}
const dish = z.object({ dish: z.string() });
const token = {
  name: 'Kitchen',
  prototype: {} as Kitchen,
  port: definePort('kitchen', {
    cook: { input: dish, output: dish, idempotent: true, serviceActor: true },
    order: { input: dish, output: dish, idempotent: false, serviceActor: true },
  }),
} satisfies PortClass;

const input = { dish: 'soup' };
const json = { 'content-type': 'application/json' };
const ctx = (changes: Partial<CallContext> = {}) => ({ ...testServiceContext('user'), ...changes });

let server: Server;
let url: string;
let pool: Pool;
let dispatched = 0;
let respond: (request: IncomingMessage, response: ServerResponse) => void;
let kitchen: Kitchen;
let requests: IncomingMessage[];

/** Counts what is sent. */
function counting(dispatcher: Dispatcher): CallDispatcher {
  return {
    dispatch: (options, handler) => {
      dispatched++;
      return dispatcher.dispatch(options, handler);
    },
  };
}

const clientOf = (dispatcher: Dispatcher, budget = new RetryBudget()) =>
  remotePort<Kitchen>(token, { dispatcher: counting(dispatcher), caller: 'user', budget });

async function fault(call: Promise<unknown>): Promise<AppError> {
  const error = await call.then(
    (value) => new Error(`It was answered: ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw error;
}

beforeEach(async () => {
  dispatched = 0;
  requests = [];
  respond = (_request, response) => response.writeHead(200, json).end('{"data":{"dish":"soup","extra":1}}');
  server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    request.once('end', () => respond(request, response));
  });
  url = await listenSomewhere(server);
  pool = new Pool(url, { connections: 4 });
  kitchen = clientOf(pool);
});

afterEach(async () => {
  await pool.destroy();
  await closeServer(server);
});

/** Nothing listens there. */
async function nowhere(): Promise<Pool> {
  const gone = createServer();
  const address = await listenSomewhere(gone);
  await closeServer(gone);
  return new Pool(address, { connections: 4 });
}

test('a context that is logged by mistake shows no token', () => {
  const log = new MemoryDestination();
  const logger = createLogger({ service: 'x', version: '0', environment: 'test', level: 'debug', destination: log });
  logger.info('A mistake', { ctx: testContext(testUser(), { credential: 'not-even-a-jwt' }) });
  expect(JSON.stringify(log.records())).toContain('"credential":"[REDACTED]"');
  expect(JSON.stringify(log.records())).not.toContain('not-even-a-jwt');
});

describe('a call', () => {
  test('says who acts, and hands out what the contract knows of the answer', async () => {
    const actor = testUser();
    const user = testContext(actor, { credential: 'a.b.c', userAgent: 'Ünicode \u{1f600}\r\nX: y', address: '::1' });
    expect(await kitchen.cook(user, input)).toEqual({ dish: 'soup' });
    await kitchen.order(ctx(), input);
    await kitchen.order(testContext(ANONYMOUS), input);
    const [byUser, byService, byNobody] = requests.map(({ url: path, method, headers }) => ({
      path,
      method,
      ...(headers as Record<string, unknown>),
    })) as Record<string, unknown>[];
    expect(byUser).toMatchObject({
      method: 'POST',
      path: '/internal/v1/kitchen/cook',
      authorization: 'Bearer a.b.c',
      'content-type': 'application/json',
      'content-length': '15',
      'user-agent': 'nexus-user',
      'x-request-id': user.requestId,
      traceparent: `00-${user.trace.traceId}-${user.trace.spanId}-00`,
      'x-nexus-client-address': '::1',
    });
    expect(byUser?.['x-nexus-user-agent']).toMatch(/^Ünicode \?{4}X: y$/);
    expect(Number(byUser?.['x-nexus-deadline-ms'])).toBeGreaterThan(20_000);
    expect(Number(byUser?.['x-nexus-deadline-ms'])).toBeLessThanOrEqual(30_000);
    expect([byService?.path, byService?.authorization, byService?.['x-nexus-actor']]).toEqual([
      '/internal/v1/kitchen/order',
      undefined,
      undefined,
    ]);
    expect([byNobody?.authorization, byNobody?.['x-nexus-actor']]).toEqual([undefined, 'anonymous']);
  });

  test('for a user without a token is never made: it would be the service itself that acts', async () => {
    await expect(kitchen.cook(testContext(testUser()), input)).rejects.toThrow('only with an access token');
    expect(dispatched).toBe(0);
  });

  test('ends with its deadline, and the provider learns it', async () => {
    const arrived = Promise.withResolvers<void>();
    let gone = false;
    respond = (_request, response) => {
      response.once('close', () => {
        gone = true;
      });
      arrived.resolve();
    };
    const from = performance.now();
    const error = fault(kitchen.cook(ctx({ deadline: Date.now() + 150 }), input));
    await arrived.promise;
    expect((await error).code).toBe('timed_out');
    expect(performance.now() - from).toBeGreaterThan(100);
    expect(Number(requests[0]?.headers['x-nexus-deadline-ms'])).toBeLessThanOrEqual(150);
    await eventually(() => gone, 'the connection is closed');
    expect(dispatched).toBe(1);
  });

  test('ends with its deadline in the middle of an answer, too', async () => {
    respond = (_request, response) => response.writeHead(200, json).write('{"data":');
    expect((await fault(kitchen.cook(ctx({ deadline: Date.now() + 150 }), input))).code).toBe('timed_out');
  });

  test('that waits for a connection until its deadline is never sent', async () => {
    const one = new Pool(url, { connections: 1 });
    const narrow = clientOf(one);
    const held = Promise.withResolvers<ServerResponse>();
    respond = (_request, response) => held.resolve(response);
    const first = narrow.cook(ctx(), input);
    const response = await held.promise;
    expect((await fault(narrow.order(ctx({ deadline: Date.now() + 100 }), input))).code).toBe('timed_out');
    respond = (_request, answer) => answer.writeHead(200, json).end('{"data":{"dish":"later"}}');
    response.writeHead(200, json).end('{"data":{"dish":"soup"}}');
    expect(await first).toEqual(input);
    expect(await narrow.cook(ctx(), input)).toEqual({ dish: 'later' });
    expect(requests.map((request) => request.url)).toEqual(['/internal/v1/kitchen/cook', '/internal/v1/kitchen/cook']);
    await one.destroy();
  });

  test('ends when its caller is gone, and is not tried again', async () => {
    const leaving = new AbortController();
    const dead = await nowhere();
    const attempts = fault(clientOf(dead).cook(ctx({ signal: leaving.signal }), input));
    leaving.abort();
    expect((await attempts).code).toBe('timed_out');
    expect(dispatched).toBe(1);
    await dead.destroy();
  });
});

describe('an answer that is none of the contract', () => {
  const error = JSON.stringify({ error: 'x', details: [{ code: 'conflict', message: 'x' }] });
  test.each([
    ['no JSON', 200, json, '<html>'],
    ['null', 200, json, 'null'],
    ['another shape', 200, json, '{"data":{"dish":7}}'],
    ['no data', 200, json, '{}'],
    ['no content', 204, {}, ''],
    ['a redirect', 302, { location: 'http://127.0.0.1/' }, ''],
    ['an address that is not there', 404, json, error],
    ['a refusal', 403, json, error],
    ['a crash of something else', 500, json, error],
    ['an error whose code is none', 409, { 'x-nexus-error': 'Not A Code' }, error],
    ['an error without a body', 409, { 'x-nexus-error': 'conflict' }, ''],
    ['an error with strange details', 409, { 'x-nexus-error': 'conflict' }, '{"error":"x","details":{}}'],
    ['an error that is none', 200, { 'x-nexus-error': 'conflict' }, error],
  ])('%s: bad_gateway', async (_name, status, headers, body) => {
    respond = (_request, response) => response.writeHead(status, headers as Record<string, string>).end(body);
    const { code, message, cause } = await fault(kitchen.cook(ctx(), input));
    expect([code, message]).toEqual(['bad_gateway', 'A service gave no usable answer.']);
    expect(String((cause as Error).message)).toContain('kitchen.cook');
    expect(dispatched).toBe(1);
  });

  test('tells no value in its cause', async () => {
    respond = (_request, response) => response.writeHead(200, json).end('{"data":{"dish":{"secret":"hunter2"}}}');
    const { cause } = await fault(kitchen.cook(ctx(), input));
    expect((cause as Error).message).toContain('dish invalid_type');
    expect((cause as Error).message).not.toContain('hunter2');
  });

  test.each([502, 503, 504])('%d of something in between: unavailable', async (status) => {
    respond = (_request, response) => response.writeHead(status).end('<html>');
    const { code, headers } = await fault(kitchen.cook(ctx(), input));
    expect([code, headers]).toEqual(['unavailable', { 'retry-after': '1' }]);
  });

  test('takes only headers that are said to belong to the error', async () => {
    respond = (_request, response) =>
      response
        .writeHead(409, {
          'x-nexus-error': 'conflict',
          'x-nexus-error-headers': 'allow Not_One gone',
          allow: 'GET',
          server: 'x',
        })
        .end('{"error":"x","details":[]}');
    expect((await fault(kitchen.cook(ctx(), input))).headers).toEqual({ allow: 'GET' });
  });

  test('is not held in memory when it is large, announced or not', async () => {
    respond = (_request, response) =>
      response.writeHead(200, { ...json, 'content-length': '17000000' }).write('{"data":');
    expect((await fault(kitchen.cook(ctx(), input))).code).toBe('bad_gateway');
    let written = 0;
    let cut = false;
    const chunk = Buffer.alloc(64 * 1024, 0x20);
    respond = (_request, response) => {
      response.writeHead(200, json);
      response.once('close', () => {
        cut = true;
      });
      const pump = () => {
        while (!cut && response.write(chunk)) written += chunk.length;
      };
      response.on('drain', pump);
      pump();
    };
    const { code, cause } = await fault(kitchen.cook(ctx(), input));
    expect([code, (cause as Error).message]).toEqual(['bad_gateway', expect.stringContaining('too large')]);
    await eventually(() => cut, 'the answer is cut off');
    // What the buffers of both systems hold comes on top.
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });
});

describe('a service that is not there', () => {
  test('is tried three times for idempotent methods, once for others', async () => {
    const dead = await nowhere();
    const client = clientOf(dead);
    const { code, status, headers, cause } = await fault(client.cook(ctx(), input));
    expect([code, status, headers]).toEqual(['unavailable', 503, { 'retry-after': '1' }]);
    expect((cause as Error).message).toBe('kitchen.cook could not be reached');
    expect(dispatched).toBe(3);
    expect((await fault(client.order(ctx(), input))).code).toBe('unavailable');
    expect(dispatched).toBe(4);
    await dead.destroy();
  });

  test('gets at most a fifth more requests than there are calls, and three', async () => {
    const dead = await nowhere();
    const client = clientOf(dead);
    const calls = 200;
    for (let i = 0; i < calls; i += 20)
      await Promise.all(Array.from({ length: 20 }, () => fault(client.cook(ctx(), input))));
    expect(dispatched / calls).toBeGreaterThan(1.1);
    expect(dispatched / calls).toBeLessThanOrEqual(1.3);
    await dead.destroy();
  });

  test('shares one budget among the ports that are reached the same way', async () => {
    const dead = await nowhere();
    const dispatcher = counting(dead);
    const [one, two] = [0, 1].map(() => remotePort<Kitchen>(token, { dispatcher, caller: 'user' })) as [
      Kitchen,
      Kitchen,
    ];
    for (let i = 0; i < 5; i++) await Promise.all([fault(one.cook(ctx(), input)), fault(two.cook(ctx(), input))]);
    expect(dispatched).toBe(10 + 3);
    await dead.destroy();
  });

  test('answers the second time', async () => {
    respond = (request, response) => {
      if (requests.length === 1) request.socket.destroy();
      else response.writeHead(200, json).end('{"data":{"dish":"soup"}}');
    };
    expect(await kitchen.cook(ctx(), input)).toEqual(input);
    expect(dispatched).toBe(2);
  });

  test('is not asked twice for what must not happen twice', async () => {
    respond = (request) => request.socket.destroy();
    expect((await fault(kitchen.order(ctx(), input))).code).toBe('unavailable');
    expect(requests.length).toBe(1);
  });

  test('does not cost the deadline', async () => {
    const dead = await nowhere();
    const from = performance.now();
    const { code } = await fault(clientOf(dead).cook(ctx({ deadline: Date.now() + 60 }), input));
    expect(['unavailable', 'timed_out']).toContain(code);
    // The back-off alone may reach 350 ms.
    expect(performance.now() - from).toBeLessThan(250);
    await dead.destroy();
  });
});

test('a pool where too much waits already is not asked again', async () => {
  const busy = new ServicePoolError('UPSTREAM_BUSY', 'Too many requests wait');
  const dispatcher: CallDispatcher = {
    dispatch: (_options, handler) => {
      dispatched++;
      handler.onResponseError?.(null as never, busy);
      return false;
    },
  };
  const { code, status } = await fault(remotePort<Kitchen>(token, { dispatcher, caller: 'user' }).cook(ctx(), input));
  expect([code, status, dispatched]).toEqual(['overloaded', 503, 1]);
});

describe('a service that is busy', () => {
  const busy = (response: ServerResponse, headers: Record<string, string>) =>
    response
      .writeHead(503, {
        ...json,
        'x-nexus-error': 'overloaded',
        'x-nexus-error-headers': Object.keys(headers).join(' '),
        ...headers,
      })
      .end('{"error":"Busy.","details":[{"code":"overloaded","message":"Busy."}]}');

  test('is asked again when it says when, and that is in time', async () => {
    respond = (_request, response) => {
      if (requests.length === 1) busy(response, { 'retry-after': '0' });
      else response.writeHead(200, json).end('{"data":{"dish":"soup"}}');
    };
    expect(await kitchen.cook(ctx(), input)).toEqual(input);
  });

  test.each([
    ['too late for the deadline', { 'retry-after': '2' }],
    ['no time', {}],
    ['a date', { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }],
  ])('is not asked again when it says %s', async (_name, headers) => {
    respond = (_request, response) => busy(response, headers as Record<string, string>);
    const error = await fault(kitchen.cook(ctx({ deadline: Date.now() + 1_000 }), input));
    expect([error.code, error.message, error.headers]).toEqual(['overloaded', 'Busy.', headers]);
    expect(requests.length).toBe(1);
  });
});

test('a client is no promise and has no hooks of Nest', () => {
  const bag = kitchen as unknown as Record<string, unknown>;
  expect([bag.then, bag.onModuleInit, bag.onApplicationShutdown]).toEqual([undefined, undefined, undefined]);
});

test('a server that closes between two calls costs no idempotent call', async () => {
  for (let i = 0; i < 5; i++) {
    expect(await kitchen.cook(ctx(), input)).toEqual(input);
    const closed = once(requests.at(-1)?.socket as NonNullable<IncomingMessage['socket']>, 'close');
    server.closeAllConnections();
    await closed;
  }
});
