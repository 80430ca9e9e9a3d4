import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { request, upgrade } from 'undici';
import { ServicePool } from './service-pool.js';
import type { ServicePoolOptions } from './service-pool-options.js';
import type { ReachedAddress } from './service-upstreams.js';
import type { AddressEvent } from './upstream-address.js';

jest.setTimeout(20_000);

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

const nextTurn = () => new Promise((later) => setTimeout(later, 5));

/** @param meanwhile what is done between two looks */
async function until(
  condition: () => boolean,
  what: string,
  meanwhile: () => Promise<unknown> = nextTurn,
): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in 10 s: ${what}`);
    await meanwhile();
  }
}

async function listen<S extends Server | TcpServer>(server: S, host = '127.0.0.1', port = 0): Promise<number> {
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, host, listening));
  return (server.address() as AddressInfo).port;
}

interface Origin {
  readonly port: number;
  readonly server: Server;
  readonly url: string;
  readonly requests: { readonly method: string; readonly body: string; readonly host: string }[];
  connections: number;
  close(): Promise<void>;
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

async function serve(answer: Answer = (_request, response) => response.end('ok'), host?: string, port?: number) {
  const server = createServer({ keepAliveTimeout: 65_000 }, async (message, response) => {
    const body = await text(message).catch(() => 'cut off');
    origin.requests.push({ method: message.method ?? '', body, host: message.headers.host ?? '' });
    answer(message, response, body);
  });
  server.on('connection', () => {
    origin.connections += 1;
  });
  const bound = await listen(server, host, port);
  const close = async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  const origin: Origin = { port: bound, server, url: `http://127.0.0.1:${bound}`, requests: [], connections: 0, close };
  cleanup.push(close);
  return origin;
}

/** A server of our own words: `answer` gets each request's head, with the number of the connection and of the request on it. */
async function serveRaw(answer: (socket: Socket, head: string, connection: number, turn: number) => void) {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    connections += 1;
    const connection = connections;
    let turn = 0;
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      turn += 1;
      heads.push(chunk.toString());
      answer(socket, chunk.toString(), connection, turn);
    });
  });
  const port = await listen(server);
  cleanup.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  return { url: `http://127.0.0.1:${port}`, heads, sockets };
}

const OK = 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=65\r\ncontent-length: 2\r\n\r\nok';

function open(urls: string | string[], options: Partial<ServicePoolOptions> = {}) {
  const events: AddressEvent[] = [];
  const pool = new ServicePool({ service: 'user', urls, onEvent: (event) => events.push(event), ...options });
  cleanup.push(() => pool.destroy());
  return { pool, events };
}

type Options = { method?: 'GET' | 'POST' | 'PUT'; body?: string | Readable; headers?: Record<string, string> };

/** Status and body, or the code of the error. */
async function ask(pool: ServicePool, { method = 'GET', ...options }: Options = {}): Promise<string> {
  try {
    const { statusCode, body } = await request('http://user/path', { dispatcher: pool, method, ...options });
    return `${statusCode} ${await body.text()}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** An address where nobody listens. */
async function deadUrl(): Promise<string> {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise((closed) => server.close(closed));
  return `http://127.0.0.1:${port}`;
}

const stateOf = (reach: ReachedAddress[], url: string) => reach.find(({ address }) => url.endsWith(address))?.state;

describe('a pool of one address', () => {
  test('passes requests on, whatever their Host, over connections it keeps', async () => {
    const origin = await serve();
    const { pool } = open(origin.url);
    expect(pool.reach()).toEqual([
      { address: `127.0.0.1:${origin.port}`, state: 'untried', inFlight: 0, ejections: 0 },
    ]);
    expect(await ask(pool)).toBe('200 ok');
    expect(await ask(pool, { headers: { host: 'a.example' } })).toBe('200 ok');
    expect(await ask(pool, { method: 'POST', body: 'text', headers: { host: 'b.example' } })).toBe('200 ok');
    expect(origin.requests.map(({ host }) => host)).toEqual([`127.0.0.1:${origin.port}`, 'a.example', 'b.example']);
    expect(origin.requests[2]).toMatchObject({ method: 'POST', body: 'text' });
    for (let turn = 0; turn < 10; turn += 1) expect(await ask(pool)).toBe('200 ok');
    // undici looks at a connection for one turn before it uses it again, and opens a second one meanwhile.
    expect(origin.connections).toBeLessThanOrEqual(2);
    expect(pool.reach()[0]).toMatchObject({ state: 'up', inFlight: 0 });
  });

  test('opens no more connections than it may, and lets no more requests wait', async () => {
    const held: ServerResponse[] = [];
    const origin = await serve((_request, response) => void held.push(response));
    const { pool } = open(origin.url, { connections: 2, maxInFlight: 5 });
    const answers = Array.from({ length: 6 }, () => ask(pool));
    expect(await answers[5]).toBe('UPSTREAM_BUSY');
    while (origin.requests.length < 5) {
      await until(() => held.length > 0, 'a request arrives');
      expect(origin.requests.length - held.length).toBeLessThanOrEqual(5);
      expect(held.length).toBeLessThanOrEqual(2);
      held.pop()?.end('ok');
    }
    await until(() => held.length > 0 || pool.reach()[0]?.inFlight === 0, 'the rest arrives');
    for (const response of held) response.end('ok');
    expect(await Promise.all(answers.slice(0, 5))).toEqual(Array(5).fill('200 ok'));
    expect(origin.connections).toBe(2);
  });

  test('hands over a connection that is upgraded', async () => {
    const { url, heads } = await serveRaw((socket, head) => {
      if (head.startsWith('GET'))
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
      else socket.end(head);
    });
    const { pool } = open(url);
    const { socket } = await upgrade('http://user/', { dispatcher: pool, protocol: 'echo' });
    expect(heads[0]).toContain('upgrade: echo');
    expect(pool.reach()).toMatchObject([{ state: 'up', inFlight: 0 }]);
    await pool.close();
    socket.write('still open');
    expect(await text(socket)).toBe('still open');
  });

  test('replaces old connections without a failed request', async () => {
    const origin = await serve();
    const { pool } = open(origin.url, { maxConnectionAgeMs: 20, resolveEveryMs: 10 });
    const deadline = Date.now() + 10_000;
    while (origin.connections < 5 && Date.now() < deadline) expect(await ask(pool)).toBe('200 ok');
    expect(origin.connections).toBe(5);
  });

  test('close() waits for what runs, and lets nothing in after', async () => {
    let answer: ServerResponse | undefined;
    const origin = await serve((_request, response) => (answer = response));
    const { pool } = open(origin.url);
    const running = ask(pool);
    await until(() => answer !== undefined, 'the request arrives');
    let isClosed = false;
    const closed = pool.close().then(() => (isClosed = true));
    expect(await ask(pool)).toBe('UND_ERR_CLOSED');
    expect(isClosed).toBe(false);
    answer?.end('late');
    expect(await running).toBe('200 late');
    await closed;
    await expect(pool.close()).resolves.toBeUndefined();
    await pool.destroy();
    await expect(pool.close()).resolves.toBeUndefined();
  });

  test('destroy() ends what runs', async () => {
    const origin = await serve(() => undefined);
    const { pool } = open(origin.url);
    const running = ask(pool);
    await until(() => origin.requests.length === 1, 'the request arrives');
    await pool.destroy();
    expect(await running).toBe('UND_ERR_DESTROYED');
  });

  test('says by check() whether it can be reached now', async () => {
    const origin = await serve();
    const { pool } = open(origin.url);
    expect(await pool.check()).toMatchObject([{ state: 'up' }]);
    await origin.close();
    expect(await pool.check()).toMatchObject([{ state: 'failing' }]);
    await serve(undefined, '127.0.0.1', origin.port);
    expect(await pool.check()).toMatchObject([{ state: 'up' }]);
  });
});

describe('a connection that ends before the answer', () => {
  test('is made up for once where the method is idempotent', async () => {
    const { url, heads } = await serveRaw((socket, _head, connection, turn) => {
      if (connection === 1 && turn === 2) socket.destroy();
      else socket.write(OK);
    });
    const { pool } = open(url);
    expect(await ask(pool)).toBe('200 ok');
    expect(await ask(pool)).toBe('200 ok');
    expect(await ask(pool, { method: 'PUT', body: 'text' })).toBe('200 ok');
    expect(heads).toHaveLength(4);
  });

  test('is made up for once only', async () => {
    const { url, heads } = await serveRaw((socket) => socket.destroy());
    const { pool } = open(url);
    expect(await ask(pool)).toMatch(/UND_ERR_SOCKET|ECONNRESET/);
    expect(heads).toHaveLength(2);
  });

  test('is made up for in one request of five in the long run', async () => {
    const { url, heads } = await serveRaw((socket) => socket.destroy());
    const { pool } = open(url);
    for (let turn = 0; turn < 400; turn += 1) await ask(pool);
    expect(heads.length).toBeGreaterThan(440);
    expect(heads.length).toBeLessThan(400 + 64 + 80 + 20);
  });

  test('is not made up for after a POST was sent, nor a streamed PUT', async () => {
    const { url, heads } = await serveRaw((socket, _head, connection, turn) => {
      if (turn === 2 || connection > 1) socket.destroy();
      else socket.write(OK);
    });
    const { pool } = open(url);
    expect(await ask(pool)).toBe('200 ok');
    expect(await ask(pool, { method: 'POST', body: 'text' })).toMatch(/UND_ERR_SOCKET|ECONNRESET|EPIPE/);
    expect(await ask(pool, { method: 'PUT', body: Readable.from(['a', 'b']) })).toMatch(
      /UND_ERR_SOCKET|ECONNRESET|EPIPE/,
    );
    expect(heads.filter((head) => head.startsWith('POST'))).toHaveLength(1);
    expect(heads.filter((head) => head.startsWith('PUT'))).toHaveLength(1);
  });

  test.each([
    'HTTP/1.1 200',
    'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf',
  ])('is not made up for after a byte of it: %j', async (part) => {
    const { url, heads } = await serveRaw((socket) => socket.end(part));
    const { pool } = open(url);
    expect(await ask(pool)).toMatch(/^UND_ERR/);
    expect(heads).toHaveLength(1);
  });

  test('is not made up for where replay is off', async () => {
    const { url, heads } = await serveRaw((socket) => socket.destroy());
    const { pool } = open(url, { replay: false });
    expect(await ask(pool)).toMatch(/UND_ERR_SOCKET|ECONNRESET/);
    expect(heads).toHaveLength(1);
  });

  test('costs nobody an answer when the server lets go of idle connections', async () => {
    // The server closes each connection right behind an answer that promised to keep it.
    const { url, sockets } = await serveRaw((socket) => socket.end(OK));
    const { pool } = open(url);
    for (let turn = 0; turn < 20; turn += 1) {
      expect(await ask(pool)).toBe('200 ok');
      expect(await ask(pool)).toBe('200 ok');
      await until(() => sockets.size === 0, 'the connections are closed');
      expect(await ask(pool, { method: 'POST', body: 'text' })).toBe('200 ok');
    }
  });
});

describe('a pool of several addresses', () => {
  test('spreads requests over them', async () => {
    const origins = [await serve(), await serve(), await serve()];
    const { pool } = open(origins.map(({ url }) => url));
    await Promise.all(Array.from({ length: 300 }, () => ask(pool)));
    for (const { requests } of origins) expect(requests.length).toBeGreaterThan(60);
  });

  test('fails no request while one is dead, leaves it alone, and takes it back', async () => {
    const good = await serve();
    const dead = await deadUrl();
    const { pool, events } = open([good.url, dead]);
    for (let turn = 0; turn < 50; turn += 1) {
      expect(await ask(pool)).toBe('200 ok');
      expect(await ask(pool, { method: 'POST', body: Readable.from(['te', 'xt']) })).toBe('200 ok');
    }
    expect(good.requests.filter(({ body }) => body === 'text')).toHaveLength(50);
    expect(stateOf(pool.reach(), dead)).toBe('ejected');
    expect(events[0]).toMatchObject({ type: 'ejected', service: 'user', reason: 'ECONNREFUSED' });

    const back = await serve(undefined, '127.0.0.1', Number(new URL(dead).port));
    await until(() => stateOf(pool.reach(), dead) === 'up', 'the address returns');
    expect(events.at(-1)).toMatchObject({ type: 'returned' });
    await until(
      () => back.requests.length > 0,
      'it is asked again',
      () => ask(pool),
    );
  });

  test('leaves it alone for longer each time it stays away, and tells that once', async () => {
    const good = await serve();
    const dead = await deadUrl();
    const { pool, events } = open([good.url, dead]);
    const ejectedAt: number[] = [];
    for (const count of [1, 2, 3]) {
      await until(
        () => pool.reach().some(({ ejections }) => ejections === count),
        `ejection ${count}`,
        () => ask(pool).then(nextTurn),
      );
      ejectedAt.push(performance.now());
    }
    const [first = 0, second = 0, third = 0] = ejectedAt;
    expect(second - first).toBeGreaterThan(900);
    expect(third - second).toBeGreaterThan(1900);
    expect(events).toHaveLength(1);
  });

  test('turns to one that it left alone as soon as there is no other', async () => {
    const [left, last] = [await serve(), await serve()];
    const { pool } = open([left.url, last.url]);
    await left.close();
    await until(
      () => stateOf(pool.reach(), left.url) === 'ejected',
      'it is left alone',
      () => ask(pool),
    );
    const back = await serve(undefined, '127.0.0.1', left.port);
    await last.close();
    for (let turn = 0; turn < 20; turn += 1) expect(await ask(pool, { method: 'POST', body: 'text' })).toBe('200 ok');
    expect(back.requests).toHaveLength(20);
    await until(() => stateOf(pool.reach(), back.url) === 'up', 'it is taken back');
    // Now the other one is the one to be left alone.
    await until(
      () => stateOf(pool.reach(), last.url) === 'ejected',
      'the other is left alone',
      () => ask(pool),
    );
  });

  test('looks at all while nobody answers, and leaves none alone for longer because of that', async () => {
    const [one, other] = [await serve(), await serve()];
    const { pool } = open([one.url, other.url]);
    await ask(pool);
    await Promise.all([one.close(), other.close()]);
    const end = performance.now() + 1_500;
    await until(
      () => performance.now() > end,
      'so much time has passed',
      async () => {
        expect(await ask(pool)).toMatch(/^(UPSTREAM_CONNECT|UND_ERR_SOCKET|ECONNRESET)$/);
        await nextTurn();
      },
    );
    expect(Math.max(...pool.reach().map(({ ejections }) => ejections))).toBeLessThanOrEqual(2);
    const back = await serve(undefined, '127.0.0.1', one.port);
    const from = performance.now();
    await until(
      () => back.requests.length > 0,
      'it is found',
      () => ask(pool),
    );
    expect(performance.now() - from).toBeLessThan(900);
  });

  test('does not take an end that the request asked for as a sign of leaving', async () => {
    const [one, other] = [await serve(), await serve()];
    const { pool, events } = open([one.url, other.url]);
    for (let turn = 0; turn < 10; turn += 1) {
      const { statusCode, headers, body } = await request('http://user/path', { dispatcher: pool, reset: true });
      await body.dump();
      expect([statusCode, headers.connection]).toEqual([200, 'close']);
    }
    await nextTurn();
    expect(events).toEqual([]);
  });

  test('waits no longer than the connect timeout for one that is frozen', async () => {
    const good = await serve();
    // Documentation address (RFC 5737): nothing answers, or the network says so at once.
    const { pool, events } = open([good.url, 'http://192.0.2.1:9'], { connectTimeoutMs: 100 });
    await until(
      () => events.length > 0,
      'the ejection',
      () => ask(pool),
    );
    expect(await Promise.all(Array.from({ length: 20 }, () => ask(pool)))).toEqual(Array(20).fill('200 ok'));
  });

  test('leaves out one that answers five gateway errors in a row, and never the last', async () => {
    const good = await serve();
    const bad = await serve((_request, response) => response.writeHead(503).end());
    const { pool, events } = open([good.url, bad.url]);
    await until(
      () => events.length > 0,
      'the ejection',
      () => ask(pool),
    );
    expect(stateOf(pool.reach(), bad.url)).toBe('ejected');
    const { length } = bad.requests;
    expect(await Promise.all(Array.from({ length: 50 }, () => ask(pool)))).toEqual(Array(50).fill('200 ok'));
    expect(bad.requests.length - length).toBeLessThanOrEqual(5);

    const alone = open(bad.url);
    for (let turn = 0; turn < 10; turn += 1) expect(await ask(alone.pool)).toBe('503 ');
    expect(alone.pool.reach()).toMatchObject([{ state: 'failing' }]);
    expect(alone.events).toEqual([]);
  });

  test('lets go of one that goes away before it does, so that no request meets the end of a connection', async () => {
    const stays = await serve();
    let isDraining = false;
    const sockets = new Set<Socket>();
    const goes = await serve((_request, response) => {
      if (isDraining) response.setHeader('connection', 'close');
      setImmediate(() => response.end('ok'));
    });
    goes.server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    const { pool, events } = open([stays.url, goes.url]);
    const answers: Promise<string>[] = [];
    const load = async () => {
      for (let turn = 0; turn < 8; turn += 1) answers.push(ask(pool, { method: 'POST', body: 'text' }));
      await nextTurn();
    };
    await until(() => sockets.size > 3, 'connections are open', load);
    isDraining = true;
    await until(() => sockets.size === 0, 'all of them are closed', load);
    await goes.close();
    for (let turn = 0; turn < 20; turn += 1) await load();
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['200 ok']));
    expect(events[0]).toMatchObject({ type: 'ejected', reason: 'draining' });
    const bodies = [...stays.requests, ...goes.requests].filter(({ body }) => body === 'text');
    expect(bodies).toHaveLength(answers.length);
  });

  test('does not blame an address for clients that go away', async () => {
    const origins = [await serve(() => undefined), await serve(() => undefined)];
    const { pool, events } = open(origins.map(({ url }) => url));
    await Promise.all(
      Array.from({ length: 30 }, async (_, turn) => {
        const body = new PassThrough();
        body.write('begun');
        const asked = ask(pool, { method: 'POST', body });
        await until(() => pool.reach().every(({ inFlight }) => inFlight > 0), 'the uploads begin');
        body.destroy(Object.assign(new Error('aborted'), { code: turn % 2 === 0 ? 'ECONNRESET' : 'EPIPE' }));
        expect(await asked).toMatch(/ECONNRESET|EPIPE/);
      }),
    );
    expect(events).toEqual([]);
    expect(pool.reach().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });
});

describe('a pool of a host name', () => {
  test('lets the first requests wait for its addresses, and follows them', async () => {
    const first = await serve();
    const second = await serve(undefined, '127.0.0.2', first.port);
    let addresses = ['127.0.0.1'];
    const { pool } = open(`http://user.test:${first.port}`, { lookup: async () => addresses, resolveEveryMs: 10 });
    expect(pool.reach()).toEqual([
      { address: `user.test:${first.port}`, state: 'unresolved', inFlight: 0, ejections: 0 },
    ]);
    expect(await ask(pool)).toBe('200 ok');
    expect(first.requests[0]?.host).toBe(`user.test:${first.port}`);

    addresses = ['127.0.0.2'];
    await until(() => pool.reach()[0]?.address === `127.0.0.2:${first.port}`, 'the address changes');
    const before = first.requests.length;
    expect(await Promise.all(Array.from({ length: 10 }, () => ask(pool)))).toEqual(Array(10).fill('200 ok'));
    expect(first.requests).toHaveLength(before);
    expect(second.requests).toHaveLength(10);
  });

  test('lets requests on an address that is withdrawn come to their end', async () => {
    let answer: ServerResponse | undefined;
    const origin = await serve((_request, response) => (answer = response));
    let addresses = ['127.0.0.1'];
    const { pool } = open(`http://user.test:${origin.port}`, { lookup: async () => addresses, resolveEveryMs: 10 });
    const running = ask(pool);
    await until(() => answer !== undefined, 'the request arrives');
    addresses = ['127.0.0.2'];
    await until(() => pool.reach()[0]?.address.startsWith('127.0.0.2') === true, 'the address changes');
    answer?.end('late');
    expect(await running).toBe('200 late');
  });

  test('keeps what it knew while names cannot be looked up, and fails requests when it knew nothing', async () => {
    const origin = await serve();
    let fails = true;
    let lookups = 0;
    const lookup = async () => {
      lookups += 1;
      if (fails) throw new Error('SERVFAIL');
      return ['127.0.0.1'];
    };
    const { pool } = open(`http://user.test:${origin.port}`, { lookup, resolveEveryMs: 10 });
    expect(await ask(pool)).toBe('UPSTREAM_UNKNOWN');
    fails = false;
    await until(() => pool.reach()[0]?.state === 'untried', 'the name is known');
    fails = true;
    const seen = lookups;
    await until(() => lookups > seen + 2, 'further look-ups');
    expect(await ask(pool)).toBe('200 ok');
  });
});
