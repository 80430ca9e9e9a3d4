import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { TestAuthority } from '@nexus/testing';
import type { Dispatcher } from 'undici';
import { secureServerOptions } from './secure-server.js';
import { ServicePool } from './service-pool.js';
import { TlsMaterial } from './tls-material.js';

jest.setTimeout(60_000);

const DOMAIN = { trustDomain: 'nexus.local' };
let gateway: TlsMaterial;
let user: TlsMaterial;
beforeAll(async () => {
  const authority = await TestAuthority.create();
  gateway = TlsMaterial.fromPem(await authority.issue('gateway'), DOMAIN);
  user = TlsMaterial.fromPem(await authority.issue('user'), DOMAIN);
});

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

const nextTurn = () => new Promise((later) => setTimeout(later, 1));

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in 20 s: ${what}`);
    await nextTurn();
  }
}

/** Numbers that look random, and are the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Peer {
  readonly url: string;
  readonly sockets: Set<Socket>;
}

async function serve(secure: boolean, answer: (socket: Socket, bytes: Buffer) => void): Promise<Peer> {
  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => answer(socket, bytes));
  };
  const server: Server = secure ? createSecureServer(secureServerOptions(user), accept) : createServer(accept);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  cleanup.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  return { url: `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

function pooled(url: string, connections = 128): ServicePool {
  const pool = new ServicePool({ service: 'user', urls: url, material: gateway, connections });
  cleanup.push(() => pool.destroy());
  return pool;
}

/** Answers whatever ends with LF, and tells how many connections there were. */
const COUNTING_SERVER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { createServer } = require(workerData ? 'node:tls' : 'node:net');
  const answer = 'HTTP/1.1 200 OK\\r\\nkeep-alive: timeout=65\\r\\ncontent-length: 2\\r\\n\\r\\nok';
  let connections = 0;
  const server = createServer(workerData ?? {}, (socket) => {
    connections += 1;
    socket.on('error', () => undefined).on('data', (bytes) => bytes.at(-1) === 10 && socket.write(answer));
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  parentPort.on('message', () => parentPort.postMessage(connections));
`;

/** One exchange: what it was told, and whether that was in order. */
class Exchange implements Dispatcher.DispatchHandler {
  body = '';
  bytes = 0;
  head = 0;
  ends: string[] = [];
  faults: string[] = [];
  controller: Dispatcher.DispatchController | undefined;

  constructor(private readonly onChunk: (controller: Dispatcher.DispatchController) => void = () => undefined) {}

  #check(controller: Dispatcher.DispatchController): void {
    if (this.ends.length > 0) this.faults.push('told after the end');
    if (controller.paused) this.faults.push('told while paused');
  }
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
  }
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    this.#check(controller);
    this.head = status;
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#check(controller);
    this.bytes += chunk.length;
    if (this.bytes < 10_000) this.body += chunk.toString('latin1');
    this.onChunk(controller);
  }
  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#check(controller);
    this.ends.push('whole');
  }
  onResponseError(_controller: Dispatcher.DispatchController, error: Error & { code?: string }): void {
    this.ends.push(`error ${error.code ?? error.message}`);
  }
}

describe.each([
  ['plain', false],
  ['TLS', true],
])('over %s connections', (_name, secure) => {
  test('whatever a server does, every request ends once, and gets its own answer or none', async () => {
    const random = numbers(secure ? 7 : 11);
    const evil = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil';
    const write = (socket: Socket, text: string) => {
      const cut = random(text.length + 1);
      socket.write(text.slice(0, cut) || text, 'latin1');
      if (cut > 0 && cut < text.length) setImmediate(() => socket.write(text.slice(cut), 'latin1'));
    };
    const { url, sockets } = await serve(secure, (socket, bytes) => {
      const path = /^[A-Z]+ (\/\d+) HTTP/.exec(bytes.toString('latin1'))?.[1];
      // Behind a request, or the rest of one that is long.
      if (path === undefined) return;
      const pad = path.padEnd(20 + random(40), '.');
      const sized = `HTTP/1.1 200 OK\r\nkeep-alive: timeout=65\r\ncontent-length: ${pad.length}\r\n\r\n${pad}`;
      const size = 1 + random(pad.length);
      const hex = (part: string) => `${part.length.toString(16)}\r\n${part}\r\n`;
      const parts = [pad.slice(0, size), pad.slice(size)].filter((part) => part !== '').map(hex);
      const chunked = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${parts.join('')}0\r\n\r\n`;
      const acts: (() => unknown)[] = [
        () => write(socket, sized),
        () => write(socket, chunked),
        () => write(socket, `HTTP/1.1 103 Early\r\n\r\n${chunked}`),
        () => socket.write(sized + evil),
        () => socket.end(sized),
        () => socket.end(sized.slice(0, random(sized.length))),
        () => socket.end(chunked.slice(0, random(chunked.length))),
        () => socket.destroy(),
        () => (secure ? socket.destroy() : socket.resetAndDestroy()),
        () => socket.write(`HTTP/1.1 200 OK\r\nx : y\r\n\r\n${evil}`),
        () => socket.end(`HTTP/1.1 200 OK\r\n\r\n${pad}`),
        () => socket.write(sized.replace('HTTP/1.1', 'HTTP/1.0')),
        () => setTimeout(() => write(socket, sized), random(10)),
      ];
      // Most of them are well.
      const act = acts[random(3) > 0 ? random(3) : random(acts.length)];
      act?.();
    });
    const pool = pooled(url, 8);
    const exchanges: { path: string; exchange: Exchange }[] = [];
    for (let turn = 0; turn < 2_000; turn += 1) {
      const behaviour = random(12);
      const exchange = new Exchange((controller) => {
        if (behaviour === 0) controller.abort(new Error('enough'));
        if (behaviour > 2) return;
        controller.pause();
        setTimeout(() => controller.resume(), random(3));
      });
      const path = `/${turn}`;
      exchanges.push({ path, exchange });
      const body = random(4) === 0 ? 'x'.repeat(random(3_000)) : null;
      pool.dispatch({ method: body === null ? 'GET' : 'POST', path, body, headersTimeout: 5_000 }, exchange);
      if (behaviour === 1) setImmediate(() => exchange.controller?.abort(new Error('gone')));
      if (random(4) === 0) await nextTurn();
    }
    await until(() => exchanges.every(({ exchange }) => exchange.ends.length > 0), 'the end of all requests');
    const wrong = exchanges.filter(({ path, exchange }) => {
      const { ends, faults, body } = exchange;
      const isOwn = body === '' || path.startsWith(body) || new RegExp(`^${path}\\.*$`).test(body);
      return ends.length !== 1 || faults.length > 0 || !isOwn;
    });
    expect(wrong.map(({ path, exchange: { body, ends, faults } }) => [path, body, ends, faults])).toEqual([]);
    expect(exchanges.filter(({ exchange }) => exchange.ends[0] === 'whole').length).toBeGreaterThan(500);
    expect(pool.reach().map(({ inFlight }) => inFlight)).toEqual([0]);
    await pool.close();
    await until(() => sockets.size === 0, 'the end of all connections');
  });

  test('many at once need no more connections than there are of them', async () => {
    // With a loop of its own, so that answers come while this one still writes.
    const worker = new Worker(COUNTING_SERVER, { eval: true, workerData: secure ? secureServerOptions(user) : null });
    cleanup.push(() => worker.terminate());
    const said = () => new Promise<number>((resolve) => worker.once('message', resolve));
    const url = `${secure ? 'https' : 'http'}://127.0.0.1:${await said()}`;
    const pool = pooled(url);
    const body = Buffer.alloc(9_000, 'x');
    body[8_999] = 0x0a;
    const one = () =>
      new Promise<string>((resolve) => {
        const exchange = new Exchange();
        const tell = () => resolve(exchange.body);
        exchange.onResponseEnd = tell;
        exchange.onResponseError = tell;
        pool.dispatch({ method: 'POST', path: '/', body }, exchange);
      });
    const bodies = await Promise.all(
      Array.from({ length: 32 }, async () => {
        let last = '';
        for (let turn = 0; turn < 40; turn += 1) last += (await one()) === 'ok' ? '' : 'no';
        return last;
      }),
    );
    expect(bodies.join('')).toBe('');
    worker.postMessage('how many?');
    expect(await said()).toBeLessThanOrEqual(32);
  });

  test('a reader that stops holds its server back, and gets everything in the end', async () => {
    const size = 30_000_000;
    let written = 0;
    const { url } = await serve(secure, (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
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
    const exchange = new Exchange((controller) => {
      if (exchange.bytes < 100_000) controller.pause();
    });
    pooled(url).dispatch({ method: 'GET', path: '/' }, exchange);
    await until(() => exchange.bytes > 0, 'its beginning');
    const begun = exchange.bytes;
    let [before, still] = [-1, 0];
    await until(() => {
      still = written === before ? still + 1 : 0;
      before = written;
      return still > 50;
    }, 'the server waits');
    expect(written).toBeLessThan(size / 2);
    expect(exchange.bytes).toBe(begun);
    while (exchange.ends.length === 0) {
      exchange.controller?.resume();
      await nextTurn();
    }
    expect([exchange.bytes, exchange.ends, exchange.faults]).toEqual([size, ['whole'], []]);
  });
});
