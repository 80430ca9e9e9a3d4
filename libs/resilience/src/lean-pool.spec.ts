import { AsyncLocalStorage } from 'node:async_hooks';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { Dispatcher } from 'undici';
import { LeanPool } from './lean-pool.js';
import { LeanRequest } from './lean-request.js';
import { type PlainRequest, plainRequest } from './plain-request.js';
import { ServicePool } from './service-pool.js';
import type { ServicePoolOptions } from './service-pool-options.js';

jest.setTimeout(20_000);

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

const nextTurn = () => new Promise((later) => setTimeout(later, 5));

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in 10 s: ${what}`);
    await nextTurn();
  }
}

interface Peer {
  readonly url: string;
  readonly sockets: Socket[];
  readonly received: string[];
  readonly open: number;
}

/** A server of our own words. `answer` gets what came. */
async function serve(answer: (socket: Socket, text: string) => void): Promise<Peer> {
  const sockets: Socket[] = [];
  const received: string[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket
      .on('error', () => undefined)
      .on('data', (bytes) => {
        received.push(bytes.toString('latin1'));
        answer(socket, bytes.toString('latin1'));
      });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  cleanup.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    received,
    get open() {
      return sockets.filter(({ destroyed }) => !destroyed).length;
    },
  };
}

function pooled({ url }: Peer, options: Partial<ServicePoolOptions> = {}): ServicePool {
  const pool = new ServicePool({ service: 'user', urls: url, replay: false, ...options });
  cleanup.push(() => pool.destroy());
  return pool;
}

/** What a handler was told, and may be told to do in the course of it. */
class Told implements Dispatcher.DispatchHandler {
  readonly events: string[] = [];
  controller: Dispatcher.DispatchController | undefined;
  bytes = 0;

  constructor(private readonly on: Partial<Record<string, (controller: Dispatcher.DispatchController) => void>> = {}) {}

  #tell(event: string, controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    this.events.push(event);
    this.on[event.split(' ')[0] as string]?.(controller);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#tell('start', controller);
  }
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    this.#tell(`head ${status}`, controller);
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#tell(`data ${chunk.length < 50 ? chunk.toString('latin1') : '…'}`, controller);
  }
  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#tell('end', controller);
  }
  onResponseError(controller: Dispatcher.DispatchController, error: Error & { code?: string }): void {
    this.#tell(`error ${error.code ?? error.message}`, controller);
  }

  get isOver(): boolean {
    return this.events.some((event) => /^(end|error)/.test(event));
  }
}

function send(pool: ServicePool, told = new Told(), options: Partial<Dispatcher.DispatchOptions> = {}): Told {
  pool.dispatch({ method: 'GET', path: '/', ...options }, told);
  return told;
}

async function ask(pool: ServicePool, options: Partial<Dispatcher.DispatchOptions> = {}): Promise<string> {
  const told = send(pool, undefined, options);
  await until(() => told.isOver, 'the end of the request');
  return told.events.slice(1).join(', ');
}

const KEPT = 'keep-alive: timeout=65';
const OK = `HTTP/1.1 200 OK\r\n${KEPT}\r\ncontent-length: 2\r\n\r\nok`;
const WELL = 'head 200, data ok, end';

describe('a connection', () => {
  test('is used again, the last one first', async () => {
    const peer = await serve((socket, text) => {
      if (!text.includes('/held')) socket.write(OK);
    });
    const pool = pooled(peer);
    for (let turn = 0; turn < 5; turn += 1) expect(await ask(pool)).toBe(WELL);
    expect(peer.sockets).toHaveLength(1);
    const held = send(pool, undefined, { path: '/held' });
    await until(() => peer.received.length === 6, 'it is asked');
    for (let turn = 0; turn < 5; turn += 1) expect(await ask(pool)).toBe(WELL);
    expect(peer.sockets).toHaveLength(2);
    peer.sockets[0]?.write(OK);
    await until(() => held.isOver, 'the answer');
    for (let turn = 0; turn < 5; turn += 1) expect(await ask(pool)).toBe(WELL);
    expect(peer.sockets).toHaveLength(2);
  });

  test('carries bodies as they are, small and large, and requests in their order', async () => {
    const parts: Buffer[] = [];
    const peer = await serve((socket, text) => {
      parts.push(Buffer.from(text, 'latin1'));
      const all = Buffer.concat(parts).toString('latin1');
      const length = Number(/content-length: (\d+)/.exec(all)?.[1]);
      const body = all.slice(all.indexOf('\r\n\r\n') + 4);
      if (body.length < length) return;
      parts.length = 0;
      const sum = Buffer.from(body, 'latin1').reduce((total, byte, at) => (total * 31 + byte + at) % 1_000_003, 7);
      const answer = `${body.length} ${sum}`;
      socket.write(`HTTP/1.1 200 OK\r\n${KEPT}\r\ncontent-length: ${answer.length}\r\n\r\n${answer}`);
    });
    const pool = pooled(peer, { connections: 1 });
    const bodies = [1, 255, 65_535, 65_536, 65_537, 1_000_000].map((size) =>
      Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 7) % 256)),
    );
    const answers = await Promise.all(bodies.map((body) => ask(pool, { method: 'POST', body })));
    const sums = bodies.map((body) => body.reduce((total, byte, at) => (total * 31 + byte + at) % 1_000_003, 7));
    expect(answers).toEqual(bodies.map((body, at) => `head 200, data ${body.length} ${sums[at]}, end`));
    expect(await ask(pool, { method: 'POST', body: 'h\u00e9' })).toMatch(/^head 200, data 3 /);
    expect(peer.sockets).toHaveLength(1);
  });

  test.each([
    ['more than the answer', (socket: Socket) => socket.write(`${OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`)],
    ['connection: close', (socket: Socket) => socket.write(OK.replace(KEPT, 'connection: x, Close'))],
    ['HTTP/1.0', (socket: Socket) => socket.write(OK.replace('1.1', '1.0'))],
    ['no time at all', (socket: Socket) => socket.write(OK.replace('65', '1'))],
  ])('is not used again after %s', async (_what, answer) => {
    const peer = await serve(answer);
    const pool = pooled(peer);
    expect(await ask(pool)).toBe(WELL);
    await until(() => peer.open === 0, 'its end');
    expect(await ask(pool)).toBe(WELL);
    expect(peer.sockets).toHaveLength(2);
  });

  test('is not used again that says something unasked', async () => {
    const peer = await serve((socket) => void socket.write(OK));
    const pool = pooled(peer);
    expect(await ask(pool)).toBe(WELL);
    peer.sockets[0]?.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil');
    await until(() => peer.open === 0, 'its end');
    expect(await ask(pool)).toBe(WELL);
    // Even when it says so just before it is asked.
    for (let turn = 0; turn < 20; turn += 1) {
      const told = send(pool);
      for (const socket of peer.sockets)
        if (!socket.destroyed) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil');
      await until(() => told.isOver, 'the end of the request');
      expect(told.events.slice(1).join(', ')).toBe(WELL);
      await until(() => peer.open === 1, 'its end');
    }
  });

  test('is not used at all that speaks before it is asked', async () => {
    const peer = await serve((socket) => void socket.write(OK));
    const pool = new LeanPool({
      connections: 1,
      onDrain: () => undefined,
      connect: (reader, done) => {
        const socket = connect(Number(new URL(peer.url).port), '127.0.0.1', () => {
          reader.read(Buffer.from(OK), OK.length);
          done(null, socket);
        });
      },
    });
    const told = new Told();
    const plain = plainRequest({ method: 'GET', path: '/' }, 'host: a\r\n') as PlainRequest;
    pool.dispatch(new LeanRequest(plain, { headersTimeoutMs: 0, bodyTimeoutMs: 0 }, told, pool.settled));
    await until(() => told.isOver, 'the end of the request');
    await until(() => peer.open === 0, 'its end');
    expect([told.events, peer.received]).toEqual([['error UND_ERR_SOCKET'], []]);
    await pool.close();
  });

  test('is not used again whose answer came before the request was there', async () => {
    const peer = await serve((socket) => {
      socket.pause();
      socket.write(OK);
    });
    const pool = pooled(peer);
    expect(await ask(pool, { method: 'POST', body: Buffer.alloc(30_000_000) })).toBe(WELL);
    await until(() => {
      for (const socket of peer.sockets) socket.resume();
      return peer.open === 0;
    }, 'its end');
  });

  test('ends from this side before its server ends it', async () => {
    const peer = await serve((socket) => void socket.write(OK.replace('65', '3')));
    const pool = pooled(peer);
    const from = performance.now();
    expect(await ask(pool)).toBe(WELL);
    await until(() => peer.open === 0, 'its end');
    expect(performance.now() - from).toBeGreaterThan(1_600);
    expect(performance.now() - from).toBeLessThan(3_000);
    expect(await ask(pool)).toBe(WELL);
  });

  test('has nothing of the request that it was opened for', async () => {
    const storage = new AsyncLocalStorage<string>();
    const peer = await serve((socket) => void socket.write(OK));
    const pool = pooled(peer);
    const seen: unknown[] = [];
    const told = new Told({ end: () => seen.push(storage.getStore()) });
    storage.run('first', () => send(pool, told));
    await until(() => told.isOver, 'the end of the request');
    await ask(pool);
    expect(seen).toEqual([undefined]);
  });
});

describe('a request', () => {
  test('that is called off ends its connection, and hears no more', async () => {
    const peer = await serve(
      (socket) => void socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n'),
    );
    const pool = pooled(peer);
    const told = send(pool, new Told({ data: (controller) => controller.abort(new Error('enough')) }));
    await until(() => told.isOver && peer.open === 0, 'the end');
    await nextTurn();
    expect(told.events).toEqual(['start', 'head 200', 'data ok', 'error enough']);
    expect([told.controller?.aborted, told.controller?.reason?.message]).toEqual([true, 'enough']);
    const later = send(pool);
    await until(() => later.events.includes('data ok'), 'its beginning');
    later.controller?.abort(new Error('later'));
    expect(later.events.at(-1)).toBe('error later');
    await until(() => peer.open === 0, 'the end');
  });

  test('that nobody wants when its turn comes is not sent, and costs no connection', async () => {
    const peer = await serve((socket) => void socket.write(OK));
    const pool = pooled(peer);
    expect(await ask(pool)).toBe(WELL);
    const told = send(pool, new Told({ start: (controller) => controller.abort(new Error('gone')) }));
    await until(() => told.isOver, 'the end of the request');
    expect(told.events).toEqual(['start', 'error gone']);
    expect(await ask(pool)).toBe(WELL);
    expect([peer.sockets.length, peer.received.length, pool.reach()[0]?.inFlight]).toEqual([1, 2, 0]);
  });

  test.each([
    ['start', ['start', 'error no']],
    ['head', ['start', 'head 200', 'error no']],
    ['data', ['start', 'head 200', 'data ok', 'error no']],
    ['end', ['start', 'head 200', 'data ok', 'end', 'error no']],
  ])('ends with what its handler throws at its %s', async (event, expected) => {
    const peer = await serve((socket) => void socket.write(OK));
    const pool = pooled(peer);
    const refuse = () => {
      throw new Error('no');
    };
    const told = send(pool, new Told({ [event]: refuse }));
    await until(() => told.events.includes('error no'), 'the end of the request');
    expect(told.events).toEqual(expected);
    expect(await ask(pool)).toBe(WELL);
    expect(pool.reach()[0]?.inFlight).toBe(0);
  });

  test('waits for the head no longer than it says, and for the body', async () => {
    const peer = await serve((socket, text) => {
      if (text.includes('/body')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhalf'.slice(0, -2));
      if (text.includes('/slow')) {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n');
        let count = 0;
        const timer = setInterval(() => {
          socket.write('x');
          count += 1;
          if (count === 8) clearInterval(timer);
        }, 100);
      }
    });
    const pool = pooled(peer);
    const from = performance.now();
    expect(await ask(pool, { headersTimeout: 300, bodyTimeout: 0 })).toBe('error UND_ERR_HEADERS_TIMEOUT');
    expect(performance.now() - from).toBeGreaterThanOrEqual(295);
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(await ask(pool, { path: '/body', headersTimeout: 0, bodyTimeout: 300 })).toBe(
      'head 200, data ha, error UND_ERR_BODY_TIMEOUT',
    );
    expect(await ask(pool, { path: '/slow', bodyTimeout: 500 })).toMatch(/^head 200(, data x+)+, end$/);
    await until(() => peer.open <= 1, 'the end of those that were late');
  });

  test('that is paused is told nothing, and is not late', async () => {
    const chunks = '2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n';
    const peer = await serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${KEPT}\r\ntransfer-encoding: chunked\r\n\r\n${chunks}`);
    });
    const pool = pooled(peer, { bodyTimeoutMs: 250 });
    const told = new Told({ head: (controller) => controller.pause(), data: (controller) => controller.pause() });
    send(pool, told);
    for (const [count, event] of ['head 200', 'data ab', 'data cd', 'end'].entries()) {
      await until(() => told.events.length === count + 2, event);
      const from = performance.now();
      await until(() => performance.now() - from > 700, 'it would be late');
      expect(told.events.at(-1)).toBe(event);
      expect(told.events).toHaveLength(count + 2);
      told.controller?.resume();
    }
    expect(await ask(pool)).toMatch(/^head 200/);
  });

  test('that is paused holds its server back, and gets everything', async () => {
    const size = 40_000_000;
    let written = 0;
    const peer = await serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${KEPT}\r\ncontent-length: ${size}\r\n\r\n`);
      const more = (): void => {
        while (written < size) {
          written += 100_000;
          if (!socket.write(Buffer.alloc(100_000))) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
    });
    const pool = pooled(peer);
    const told = send(pool, new Told({ head: (controller) => controller.pause() }));
    await until(() => told.events.includes('head 200'), 'the head');
    let before = -1;
    await until(() => {
      const isStill = written === before;
      before = written;
      return isStill;
    }, 'the server waits');
    expect(written).toBeLessThan(size / 2);
    expect(told.bytes).toBe(0);
    told.controller?.resume();
    await until(() => told.isOver, 'the end of the request');
    expect([told.bytes, told.events.at(-1)]).toEqual([size, 'end']);
  });

  test('that is paused at the end of its connection gets what was sent', async () => {
    const peer = await serve((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
    const pool = pooled(peer);
    const told = send(pool, new Told({ head: (controller) => controller.pause() }));
    await until(() => told.events.includes('head 200'), 'the head');
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    expect(told.events).toHaveLength(2);
    told.controller?.resume();
    await until(() => told.isOver, 'the end of the request');
    expect(told.events.slice(1)).toEqual(['head 200', 'data all of it', 'end']);
  });

  test.each([
    ['half a head', 'HTTP/1.1 200', 'error UND_ERR_SOCKET'],
    ['half a body', 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha', 'head 200, data ha, error UND_ERR_SOCKET'],
    [
      'half its chunks',
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n`,
      'head 200, data a, error UND_ERR_SOCKET',
    ],
    ['no HTTP', 'SSH-2.0-x\r\n', 'error HPE_INVALID_CONSTANT'],
    ['an interim answer', 'HTTP/1.1 103 Early\r\n\r\n', 'head 103, error UND_ERR_SOCKET'],
  ])('that gets %s gets no answer', async (_what, text, outcome) => {
    const peer = await serve((socket) => void socket.end(text));
    expect(await ask(pooled(peer))).toBe(outcome);
  });
});

test('a pool that is closed while requests wait answers them all, and leaves no connection', async () => {
  const peer = await serve((socket) => setTimeout(() => socket.write(OK), 10));
  const pool = pooled(peer, { connections: 2 });
  const answers = Array.from({ length: 9 }, () => ask(pool));
  const idle = send(pool);
  const closed = pool.close();
  await closed;
  expect(await Promise.all(answers)).toEqual(Array(9).fill(WELL));
  expect(idle.events.at(-1)).toBe('end');
  await until(() => peer.open === 0, 'the end of its connections');
  expect(peer.sockets.length).toBeLessThanOrEqual(2);
});
