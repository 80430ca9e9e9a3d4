import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { LoadRun } from './load-run.ts';
import type { LoadPlan } from './protocol.ts';

const OK = 'HTTP/1.1 200 OK\r\nX-Path: hit\r\nContent-Length: 2\r\n\r\nok';

describe('LoadRun', () => {
  const sockets = new Set<Socket>();
  let server: Server;
  let seen: string[];
  let answer: (socket: Socket, request: string) => void;

  beforeEach(async () => {
    seen = [];
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
      socket.on('data', (chunk) => {
        seen.push(chunk.toString());
        answer(socket, chunk.toString());
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  function plan(extra: Partial<LoadPlan> = {}): LoadPlan {
    const { port } = server.address() as AddressInfo;
    const requests = [{ method: 'GET', path: '/{{counter}}', headers: {} }];
    return { host: '127.0.0.1', port, connections: 3, requests, expectedStatus: 200, firstCounter: 1, ...extra };
  }

  async function runUntil(run: LoadRun, done: () => boolean) {
    await run.open();
    run.start();
    const deadline = performance.now() + 5_000;
    while (!done() && performance.now() < deadline) await new Promise(setImmediate);
    return run.stop();
  }

  it('counts exactly the requests that the server saw, each with a counter of its own', async () => {
    answer = (socket) => socket.write(OK);
    const result = await runUntil(new LoadRun(plan({ expectedHead: 'X-Path: hit' })), () => seen.length >= 200);
    expect(result.requests).toBe(seen.length);
    expect(new Set(seen.map((request) => request.split(' ')[1])).size).toBe(seen.length);
    expect(result.nextCounter).toBe(seen.length + 1);
    expect(result.errors).toEqual({});
    expect(result.headMismatches).toBe(0);
    expect(result.p50).toBeGreaterThan(0);
    expect(result.p99).toBeLessThanOrEqual(result.max);
  });

  it('counts other statuses as errors and other heads as mismatches', async () => {
    answer = (socket) => socket.write(seen.length % 2 === 0 ? OK : OK.replace('200 OK', '503 Busy'));
    const result = await runUntil(new LoadRun(plan({ connections: 1, expectedHead: 'miss' })), () => seen.length >= 20);
    const failed = result.errors['status 503'] ?? 0;
    expect(failed).toBe(Math.ceil(seen.length / 2));
    expect(result.headMismatches).toBe(seen.length - failed);
  });

  it('goes on over a new connection when the server announces that it closes', async () => {
    answer = (socket) => socket.end(OK.replace('X-Path: hit', 'Connection: close'));
    const result = await runUntil(new LoadRun(plan()), () => seen.length >= 30);
    expect(result.requests).toBeGreaterThanOrEqual(30);
    expect(result.errors).toEqual({});
  });

  it('counts a connection that is lost during a request as an error, and goes on', async () => {
    answer = (socket) => (seen.length === 5 ? socket.destroy() : socket.write(OK));
    const result = await runUntil(new LoadRun(plan()), () => seen.length >= 30);
    expect(Object.values(result.errors).reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(result.requests).toBe(seen.length - 1);
  });

  it('waits for the responses that are outstanding at the stop', async () => {
    const held: Socket[] = [];
    answer = (socket) => held.push(socket);
    const run = new LoadRun(plan());
    await run.open();
    run.start();
    while (held.length < 3) await new Promise(setImmediate);
    const stopped = run.stop();
    for (const socket of held) socket.write(OK);
    expect((await stopped).requests).toBe(3);
  });

  it('gives up when the server is not there', async () => {
    const nowhere = plan();
    server.close();
    await once(server, 'close');
    await expect(new LoadRun(nowhere).open()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
});
