import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AccessTokenVerifier, RevocationList } from '@nexus/auth-guards';
import { definePort, type ServiceName, type StreamWatch } from '@nexus/contracts';
import { type CallContext, errors, uuidv4, uuidv7 } from '@nexus/kernel';
import { createLogger, MemoryDestination } from '@nexus/observability';
import { closeServer, eventually, listenSomewhere, TEST_ISSUER, TokenMint, testServiceContext } from '@nexus/testing';
import { z } from 'zod';
import { createInternalCalls, type InternalCalls } from './internal-calls.js';

const dish = z.object({ dish: z.string() });
abstract class Kitchen {
  static readonly port = definePort(
    'kitchen',
    {
      cook: { input: dish, output: dish, idempotent: true, serviceActor: true },
      taste: { input: dish, output: dish, idempotent: true, serviceActor: false },
    },
    { follow: z.number() },
  );
}

let provider: {
  cook: (ctx: CallContext, input: { dish: string }) => unknown;
  taste: (ctx: CallContext, input: { dish: string }) => unknown;
  follow: (listener: (entry: unknown) => Promise<void>, watch: StreamWatch) => () => void;
};
let caller: ServiceName | undefined;
let calls: InternalCalls;
let server: Server;
let url: string;
let log: MemoryDestination;
let mint: TokenMint;
let revocations: RevocationList;
let seen: CallContext[];
let listeners: Set<(entry: unknown) => Promise<void>>;

beforeEach(async () => {
  caller = 'user';
  seen = [];
  listeners = new Set();
  provider = {
    cook: async (ctx, input) => {
      seen.push(ctx);
      return input;
    },
    taste: async (_ctx, input) => input,
    follow: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  mint = new TokenMint();
  log = new MemoryDestination();
  const context = () => testServiceContext('spec');
  revocations = new RevocationList(mint, context);
  await revocations.start();
  const client = Object.fromEntries(
    (['cook', 'taste', 'follow'] as const).map((name) => [
      name,
      (...args: never[]) => provider[name](...(args as [never, never])),
    ]),
  );
  calls = createInternalCalls({
    ports: [{ token: Kitchen, client, callers: ['user', 'project'] }],
    verifier: new AccessTokenVerifier(mint, revocations, context, {
      issuer: TEST_ISSUER,
      audience: 'nexus',
      graceMs: 30_000,
    }),
    callerOf: () => caller,
    logger: createLogger({ service: 'x', version: '0', environment: 'test', level: 'debug', destination: log }),
  });
  server = createServer((request, response) => {
    if (!calls(request, response)) response.writeHead(418).end();
  });
  url = await listenSomewhere(server);
});

afterEach(async () => {
  calls.close();
  revocations.close();
  await closeServer(server);
});

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}
async function ask(path: string, { method = 'POST', headers = {}, body = '{"dish":"soup"}' }: Asked = {}) {
  const response = await fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(method === 'GET' ? {} : { body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text === '' ? {} : JSON.parse(text) };
}
const COOK = '/internal/v1/kitchen/cook';

describe('an internal listener', () => {
  test('answers a call, and leaves every other address alone', async () => {
    const id = uuidv4();
    const { status, headers, text } = await ask(COOK, { headers: { 'x-request-id': id } });
    expect([status, text, headers.get('x-request-id')]).toEqual([200, '{"data":{"dish":"soup"}}', id]);
    expect(seen[0]).toMatchObject({ requestId: id, actor: { kind: 'service', id: 'service:user' } });
    for (const other of [
      '/',
      '/api/v1/projects',
      '/internal',
      '/internals/v1/kitchen/cook',
      '//internal/v1/kitchen/cook',
    ])
      expect((await ask(other)).status).toBe(418);
  });

  test.each([
    ['another version', '/internal/v2/kitchen/cook', 'POST', 404, 'not_found'],
    ['no port', '/internal/v1/bakery/cook', 'POST', 404, 'not_found'],
    ['no method', '/internal/v1/kitchen/burn', 'POST', 404, 'not_found'],
    ['a member of every object', '/internal/v1/kitchen/constructor', 'POST', 404, 'not_found'],
    ['a query', '/internal/v1/kitchen/cook?x=1', 'POST', 404, 'not_found'],
    ['an escape', '/internal/v1/kitchen/c%6fok', 'POST', 404, 'not_found'],
    ['a GET of a method', COOK, 'GET', 405, 'method_not_allowed'],
    ['a GET of a stream', '/internal/v1/kitchen/follow', 'GET', 405, 'method_not_allowed'],
    ['a stream that says JSON', '/internal/v1/kitchen/follow', 'POST', 415, 'unsupported_media_type'],
  ])('refuses %s', async (_name, path, method, status, code) => {
    const answer = await ask(path, { method });
    expect(answer.body).toEqual({
      success: false,
      error: expect.any(String),
      error_code: status,
      request_id: answer.headers.get('x-request-id'),
      details: [{ code, message: expect.any(String) }],
    });
    // The caller must not take it for what the port says.
    expect([answer.status, answer.headers.get('x-nexus-error')]).toEqual([status, null]);
  });

  test.each([['file'], [undefined]] as const)('refuses %p, who is no declared caller, and says so', async (name) => {
    caller = name;
    let read = false;
    provider.cook = async () => {
      read = true;
    };
    for (const path of [COOK, '/internal/v1/kitchen/follow']) {
      const { status, headers } = await ask(path);
      expect([status, headers.get('x-nexus-error')]).toEqual([403, null]);
    }
    expect([read, listeners.size]).toEqual([false, 0]);
    expect(log.records()).toHaveLength(2);
    expect(log.records()[0]).toMatchObject({
      'event.action': 'internal-call-refused',
      'log.level': 'warn',
      nexus: { caller: name ?? null, target: 'kitchen.cook' },
    });
  });

  test.each([
    ['no type', { 'content-type': '' }, '{}', 415],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'dish=soup', 415],
    ['another charset', { 'content-type': 'application/json; charset=latin1' }, '{}', 415],
    ['a coding', { 'content-encoding': 'gzip' }, '{}', 415],
    ['no JSON', {}, '{"dish"', 400],
    ['a prototype', {}, '{"__proto__":{}}', 400],
    ['bytes that are no text', {}, Buffer.from([0x22, 0xff, 0x22]), 400],
    ['a large body', {}, `{"dish":"${'x'.repeat(1024 * 1024)}"}`, 413],
  ] as const)('refuses %s without asking the provider', async (_name, headers, body, status) => {
    const answer = await ask(COOK, { headers, body: body as string });
    expect([answer.status, answer.headers.get('x-nexus-error')]).toEqual([status, null]);
    expect(seen).toEqual([]);
  });

  test('refuses a body that turns out to be too large', async () => {
    const request = httpRequest(url + COOK, { method: 'POST', headers: { 'content-type': 'application/json' } });
    request.on('error', () => undefined);
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    for (let i = 0; i < 20; i++) request.write(' '.repeat(64 * 1024));
    const [response] = await answered;
    expect([response.statusCode, response.headers.connection]).toEqual([413, 'close']);
    request.destroy();
  });

  test.each([
    ['null', ['']],
    ['[]', ['']],
    ['{}', ['dish']],
    ['{"dish":1}', ['dish']],
    ['', ['']],
  ])('checks the input %s, and names every fault', async (body, fields) => {
    const answer = await ask(COOK, { body });
    expect([answer.status, answer.headers.get('x-nexus-error')]).toEqual([400, 'validation_failed']);
    expect(answer.body.details.map(({ field }: { field: string }) => field)).toEqual(fields);
    expect(seen).toEqual([]);
  });

  test('believes a token and nothing else', async () => {
    const sub = uuidv7();
    const sid = uuidv7();
    const token = mint.token({ sub, sid });
    const withToken = (value: string) => ask('/internal/v1/kitchen/taste', { headers: { authorization: value } });
    expect((await withToken(`Bearer ${token}`)).status).toBe(200);
    await ask(COOK, { headers: { authorization: `Bearer ${token}` } });
    expect(seen[0]).toMatchObject({ actor: { kind: 'user', id: sub }, credential: token });
    for (const broken of ['Bearer', `Basic ${token}`, `Bearer ${token}x`, `Bearer ${token}, Bearer ${token}`]) {
      const { status, headers } = await withToken(broken);
      expect([status, headers.get('x-nexus-error'), headers.get('x-nexus-error-headers')]).toEqual([
        401,
        'token_invalid',
        'www-authenticate',
      ]);
    }
    mint.revoke(sid);
    expect((await withToken(`Bearer ${token}`)).headers.get('x-nexus-error')).toBe('session_ended');
    // Without one it is the service itself, which may not.
    const own = await ask('/internal/v1/kitchen/taste');
    expect([own.status, own.headers.get('x-nexus-error')]).toEqual([403, 'forbidden']);
    expect((await ask('/internal/v1/kitchen/taste', { headers: { 'x-nexus-actor': 'anonymous' } })).status).toBe(200);
  });

  test.each([
    ['1500', 1_500],
    ['600000', 30_000],
    ['999999999999', 30_000],
    ['-5', 30_000],
    ['soon', 30_000],
    ['', 30_000],
  ])('gives a call that has %p ms left no more than that', async (text, expected) => {
    const before = Date.now();
    await ask(COOK, { headers: { 'x-nexus-deadline-ms': text } });
    const left = (seen[0] as CallContext).deadline - before;
    expect(left).toBeGreaterThanOrEqual(expected);
    expect(left).toBeLessThan(expected + 1_000);
  });

  test('answers when the deadline is over, and tells the provider', async () => {
    let signal: AbortSignal | undefined;
    provider.cook = (ctx) => {
      signal = ctx.signal;
      return once(ctx.signal, 'abort').then(() => {
        throw new Error('it was too late anyway');
      });
    };
    const { status, headers } = await ask(COOK, { headers: { 'x-nexus-deadline-ms': '100' } });
    expect([status, headers.get('x-nexus-error'), signal?.aborted]).toEqual([504, 'timed_out', true]);
    expect(log.records()).toEqual([]);
    expect((await ask(COOK, { headers: { 'x-nexus-deadline-ms': '0' } })).status).toBe(504);
  });

  test('waits for a body no longer than the deadline', async () => {
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    const head = ['Host: x', 'Content-Type: application/json', 'Content-Length: 15', 'X-Nexus-Deadline-Ms: 150'];
    socket.write(`POST ${COOK} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n{"dish":`);
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toMatch(/^HTTP\/1\.1 408 /);
    expect(data.toString()).toMatch(/\r\nConnection: close\r\n/i);
    socket.destroy();
    await eventually(() => calls.running === 0, 'the call is over');
    expect(seen).toEqual([]);
  });

  test('logs what crashed, and tells nobody', async () => {
    provider.cook = async () => {
      throw new Error('the table is gone');
    };
    const answer = await ask(COOK);
    expect([answer.status, answer.headers.get('x-nexus-error')]).toEqual([500, 'internal_error']);
    expect(answer.text).not.toContain('table');
    provider.cook = () => {
      throw errors.unavailable({ cause: new Error('no connection') });
    };
    expect((await ask(COOK)).status).toBe(503);
    expect(log.records()).toMatchObject([
      { 'event.action': 'kitchen.cook', 'error.message': 'the table is gone', 'log.level': 'error' },
      { 'event.action': 'kitchen.cook', 'error.message': 'no connection', 'log.level': 'error' },
    ]);
    // A result that is no JSON is a crash, too.
    provider.cook = async () => ({ dish: 1n });
    expect((await ask(COOK)).status).toBe(500);
  });

  test('counts the calls that have no answer yet, and closes connections once it closes', async () => {
    const held = Promise.withResolvers<void>();
    provider.cook = (_ctx, input) => held.promise.then(() => input);
    const running = ask(COOK);
    await eventually(() => calls.running === 1, 'the call runs');
    calls.close();
    held.resolve();
    const { status, headers } = await running;
    expect([status, headers.get('connection')]).toEqual([200, 'close']);
    await eventually(() => calls.running === 0, 'the call is over');
  });

  test('needs a provider for every member', () => {
    const options = { verifier: { verify: () => ({}) as never }, callerOf: () => undefined, logger: {} as never };
    expect(() =>
      createInternalCalls({ ...options, ports: [{ token: Kitchen, client: { cook() {} }, callers: [] }] }),
    ).toThrow('The provider of kitchen has no taste');
  });
});

describe('a stream', () => {
  const FOLLOW = '/internal/v1/kitchen/follow';
  const NDJSON = { 'content-type': 'application/x-ndjson' };

  /** A follower that says what the spec wants it to, and leaves when it is asked to. */
  const open = async () => {
    const request = httpRequest(url + FOLLOW, { method: 'POST', headers: NDJSON });
    request.on('error', () => undefined);
    request.write('{"at":1}\n');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const lines: string[] = [];
    let ended = false;
    response.setEncoding('utf8').on('data', (text: string) => {
      lines.push(...text.split('\n').filter((line) => line));
      if (text.includes('"end"')) request.end();
    });
    response.once('close', () => {
      ended = true;
    });
    response.on('error', () => undefined);
    const say = (words: object) => request.write(`${JSON.stringify(words)}\n`);
    return { request, response, lines, say, ended: () => ended };
  };
  /** Tells every follower; done when it is taken, or nobody waits any more. */
  const tell = (entry: unknown) => Promise.all([...listeners].map((listener) => listener(entry)));
  /** Whether a promise is kept by now. */
  const kept = (promise: Promise<unknown>) =>
    Promise.race([promise.then(() => true), new Promise((resolve) => setImmediate(() => resolve(false)))]);

  test('tells entries, and that it is alive when it is asked', async () => {
    const { response, lines, say, request } = await open();
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    await eventually(() => lines.length > 0, 'the first sign of life');
    void tell(7);
    say({ at: 2.5 });
    await eventually(() => lines.length === 3, 'another sign of life');
    expect(lines).toEqual(['{"at":1}', '{"entry":7}', '{"at":2.5}']);
    request.destroy();
    await eventually(() => listeners.size === 0, 'nobody listens');
  });

  test('lets its provider wait until each follower has taken an entry', async () => {
    const [one, two] = [await open(), await open()];
    const first = tell('a');
    const both = tell('b');
    await eventually(() => [one, two].every(({ lines }) => lines.length === 3), 'it is told');
    one.say({ seen: 2 });
    two.say({ seen: 1 });
    await first;
    expect(await kept(both)).toBe(false);
    two.say({ seen: 2, at: 9 });
    await both;
    expect(log.records()).toEqual([]);
  });

  test('waits no longer for who goes away, in order or not', async () => {
    const [one, two] = [await open(), await open()];
    const told = tell('a');
    await eventually(() => [one, two].every(({ lines }) => lines.length === 2), 'it is told');
    const from = performance.now();
    one.request.end();
    two.request.destroy();
    await told;
    expect(performance.now() - from).toBeLessThan(800);
    await eventually(one.ended, 'it is answered to its end');
    expect([one.response.complete, listeners.size, log.records()]).toEqual([true, 0, []]);
  });

  test('is cut off where an entry is not acknowledged within a second, and nobody else is', async () => {
    const [mute, well] = [await open(), await open()];
    const from = performance.now();
    const told = tell('a');
    await eventually(() => well.lines.length === 2, 'it is told');
    well.say({ seen: 1 });
    // Words alone are no acknowledgement.
    for (let at = 2; at < 20; at++) mute.say({ at, seen: 0 });
    await told;
    const tookMs = performance.now() - from;
    expect(tookMs).toBeGreaterThan(950);
    expect(tookMs).toBeLessThan(1_900);
    await eventually(mute.ended, 'it is cut');
    expect([mute.response.complete, well.ended(), listeners.size]).toEqual([false, false, 1]);
    expect(log.records()).toMatchObject([
      {
        'event.action': 'stream-follower-late',
        'log.level': 'warn',
        nexus: { caller: 'user', target: 'kitchen.follow' },
      },
    ]);
  });

  test.each([
    ['more than was told', '{"seen":2}\n'],
    ['less than nothing', '{"seen":-1}\n'],
    ['a part of an entry', '{"seen":0.5}\n'],
    ['no JSON', 'seen\n'],
    ['a list', '[]\n'],
    ['a line without end', ' '.repeat(300)],
  ])('is cut where its follower says %s', async (_name, text) => {
    const { request, response, ended } = await open();
    const told = tell('a');
    request.write(text);
    await told;
    await eventually(ended, 'it is cut');
    expect([response.complete, listeners.size]).toEqual([false, 0]);
  });

  test('goes on while the process announces its end, by which calls already close their connections', async () => {
    const first = await open();
    calls.announceStop();
    expect((await ask(COOK)).headers.get('connection')).toBe('close');
    const second = await open();
    expect([first.ended(), second.response.statusCode, listeners.size]).toEqual([false, 200, 2]);
  });

  test('ends in order when the process does, and no new one begins', async () => {
    const first = await open();
    const told = tell('a');
    calls.close();
    await eventually(() => first.lines.includes('{"end":true}'), 'it is asked to leave');
    await eventually(first.ended, 'the stream has ended');
    await told;
    expect([first.response.complete, listeners.size, first.lines]).toEqual([
      true,
      0,
      ['{"at":1}', '{"entry":"a"}', '{"end":true}'],
    ]);
    const { status, headers } = await ask(FOLLOW, { headers: NDJSON });
    expect([status, headers.get('x-nexus-error')]).toEqual([503, 'unavailable']);
  });

  test('tells on until its follower has left, and does not wait long for that', async () => {
    const request = httpRequest(url + FOLLOW, { method: 'POST', headers: NDJSON });
    request.on('error', () => undefined);
    request.write('{"at":1}\n');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    response.on('error', () => undefined);
    const from = performance.now();
    calls.close();
    void tell('late');
    await eventually(() => response.destroyed, 'it is cut');
    expect(text).toBe('{"at":1}\n{"end":true}\n{"entry":"late"}\n');
    expect(performance.now() - from).toBeGreaterThan(900);
    expect([performance.now() - from < 2_500, listeners.size]).toEqual([true, 0]);
  });

  test('cuts off who does not read, and holds little for them', async () => {
    const { response, ended } = await open();
    response.pause();
    const before = process.memoryUsage().arrayBuffers;
    const text = 'x'.repeat(64 * 1024);
    let told = 0;
    // What lies in the buffers of the system is not ours to bound: a loop of this machine holds some megabytes.
    while (listeners.size > 0 && told < 2_000) {
      void tell(text);
      told++;
      if (told % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(listeners.size).toBe(0);
    expect(told).toBeLessThan(500);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
    response.resume();
    await eventually(ended, 'the stream is cut');
    expect(response.complete).toBe(false);
  });

  test('is silent while the provider does not know, and begins anew when it does', async () => {
    let watch: StreamWatch | undefined;
    provider.follow = (listener, given) => {
      watch = given;
      listener('at once');
      return () => undefined;
    };
    const { lines, ended, response, say } = await open();
    say({ seen: 1 });
    await eventually(() => lines.length === 2, 'it is alive');
    expect(lines).toEqual(['{"entry":"at once"}', '{"at":1}']);
    watch?.lost();
    for (let at = 2; at < 10; at++) {
      say({ at });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect([lines.length, ended()]).toEqual([2, false]);
    watch?.opened();
    await eventually(ended, 'it is cut');
    expect(response.complete).toBe(false);
  });

  test('of a provider that does not know yet begins in silence', async () => {
    let watch: StreamWatch | undefined;
    provider.follow = (_listener, given) => {
      watch = given;
      given.lost();
      return () => undefined;
    };
    const { lines, response, ended } = await open();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([response.statusCode, lines]).toEqual([200, []]);
    watch?.opened();
    await eventually(ended, 'it is cut');
  });

  test('answers like any call when the provider cannot begin', async () => {
    provider.follow = () => {
      throw errors.unavailable({ headers: { 'retry-after': '3' } });
    };
    const { status, headers } = await ask(FOLLOW, { headers: NDJSON });
    expect([status, headers.get('x-nexus-error'), headers.get('retry-after')]).toEqual([503, 'unavailable', '3']);
  });
});
