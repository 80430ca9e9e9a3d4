import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { type Edge, openEdge } from './support/edge.js';
import { acceptWebSocket, echo, ForeignServer, frame, takeFrame } from './support/foreign-server.js';
import { lines, type RawClient } from './support/raw-client.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const HANDSHAKE = [
  'Host: api.example',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
];
const PER_CALLER = 3;

let folder: string;
let edge: Edge;
let server: ForeignServer;

const handshake = (path: string, ...fields: string[]) => lines(`GET ${path} HTTP/1.1`, ...HANDSHAKE, ...fields);
const inFlight = () => edge.running.app.policy.inFlight.size;
const quiet = () => eventually(() => server.sockets.size === 0 && inFlight() === 0, 'nothing is open');

/** A connection that was let through, and the server's end of it. */
async function open(path = '/ws/open', ...fields: string[]): Promise<{ client: RawClient; peer: Socket }> {
  const before = new Set(server.sockets);
  const client = await edge.client();
  client.write(handshake(path, ...fields));
  const end = await client.until(() => {
    const at = client.received.indexOf('\r\n\r\n');
    return at < 0 ? undefined : at;
  }, 'answer');
  const head = client.received.toString('latin1', 0, end);
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(head);
  client.received = client.received.subarray(end + 4) as Buffer<ArrayBuffer>;
  const peer = [...server.sockets].find((socket) => !before.has(socket));
  if (!peer) throw new Error('The server has no connection');
  return { client, peer };
}

async function nextFrame(client: RawClient) {
  const found = await client.until(() => takeFrame(client.received), 'frame');
  client.received = found.rest as Buffer<ArrayBuffer>;
  return found;
}

function webSocket(path: string, options: { protocols?: string[]; headers?: Record<string, string> } = {}) {
  // Node's own client takes headers besides, as a browser does not.
  const socket = new WebSocket(`ws://127.0.0.1:${edge.port}${path}`, options as never);
  socket.binaryType = 'arraybuffer';
  const closed = new Promise<{ code: number; wasClean: boolean }>((resolve) =>
    socket.addEventListener('close', ({ code, wasClean }) => resolve({ code, wasClean })),
  );
  const opened = new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error('refused')));
  });
  const message = () =>
    new Promise<string | ArrayBuffer>((resolve) =>
      socket.addEventListener('message', ({ data }) => resolve(data), { once: true }),
    );
  return { socket, opened, closed, message };
}

const routes = (url: string) => ({
  routes: [
    { name: 'open', path: '/ws/open', upstreams: [url], access: 'public', websocket: true, strip_prefix: '/ws' },
    { name: 'closed', path: '/ws/closed', upstreams: [url], websocket: true },
    { name: 'admins', path: '/ws/admins', upstreams: [url], access: { roles: ['admin'] }, websocket: true },
    { name: 'plain', path: '/ws/plain', upstreams: [url], access: 'public' },
  ],
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-routes-'));
  server = await ForeignServer.open();
  const file = join(folder, 'routes.json');
  await writeFile(file, JSON.stringify(routes(server.url)));
  const env = { GATEWAY_ROUTES_FILE: file, GATEWAY_WEBSOCKETS_PER_CALLER: String(PER_CALLER) };
  edge = await openEdge({ env });
}, 60_000);

afterEach(async () => {
  edge.reset();
  await quiet();
  server.seen.length = 0;
  server.onUpgrade = (request, socket) => {
    acceptWebSocket(request, socket);
    echo(socket);
  };
});

afterAll(async () => {
  await edge?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

describe('the handshake', () => {
  test('passes what client and server say to each other, and nothing of the user', async () => {
    server.onUpgrade = (request, socket) => {
      acceptWebSocket(request, socket, ['Sec-WebSocket-Protocol: chat', 'X-Powered-By: Acme', 'X-Room: 7']);
      echo(socket);
    };
    const client = await edge.client();
    client.write(handshake('/ws/open?room=7', 'Sec-WebSocket-Protocol: chat, talk', edge.bearer, 'X-User-Id: me'));
    await client.until(() => (client.received.includes('\r\n\r\n') ? true : undefined), 'answer');
    const head = client.received.toString('latin1').toLowerCase();
    expect(head).toContain(`sec-websocket-accept: ${ACCEPT}`.toLowerCase());
    for (const field of ['connection: upgrade', 'upgrade: websocket', 'sec-websocket-protocol: chat', 'x-room: 7'])
      expect(head).toContain(field);
    expect(head).toContain('ratelimit-limit: ');
    expect(head).not.toContain('acme');
    const { url, headers } = server.last;
    expect(url).toBe('/open?room=7');
    expect(headers).toMatchObject({
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': KEY,
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'chat, talk',
      host: `127.0.0.1:${server.port}`,
    });
    expect(Object.keys(headers).filter((name) => /^(authorization|x-user-|x-nexus-)/.test(name))).toEqual([]);
  });

  test.each([
    ['/ws/closed', [], 401, 'unauthenticated'],
    ['/ws/closed', ['Authorization: Bearer rubbish'], 401, 'token_invalid'],
    ['/ws/nothing', [], 404, 'not_found'],
  ] as const)('of %s with %j is answered with %d', async (path, fields, status, code) => {
    const connections = server.connections;
    const reply = await edge.ask(handshake(path, ...fields));
    expect([reply.status, reply.errorCode]).toEqual([status, code]);
    await quiet();
    expect(server.connections).toBe(connections);
  });

  test('needs the role, and is answered as HTTP without it', async () => {
    expect((await edge.ask(handshake('/ws/admins', edge.bearer))).errorCode).toBe('forbidden');
    const { client } = await open('/ws/admins', `Authorization: Bearer ${edge.token({ role: 'admin' })}`);
    client.write(frame(1, 'hi', true));
    expect((await nextFrame(client)).payload.toString()).toBe('hi');
  });

  test.each([
    ['no key', HANDSHAKE.slice(0, 4), 'bad_request'],
    [
      'another version',
      [...HANDSHAKE.filter((line) => !line.includes('13')), 'Sec-WebSocket-Version: 8'],
      'bad_request',
    ],
  ])('with %s is refused', async (_, fields, code) => {
    const connections = server.connections;
    expect((await edge.ask(lines('GET /ws/open HTTP/1.1', ...fields))).errorCode).toBe(code);
    expect(server.connections).toBe(connections);
  });

  test('is no matter of other routes, which answer as ever', async () => {
    const plain = await edge.ask(handshake('/ws/plain'));
    expect([plain.status, plain.text]).toEqual([200, '{"ok":true}']);
    expect(server.last.headers.upgrade).toBeUndefined();
    const own = await edge.ask(handshake('/api/v1/projects', edge.bearer));
    expect(own.status).toBe(200);
    expect(edge.origin.seen[0]?.field('upgrade')).toBeUndefined();
  });

  test.each([
    [401, 401],
    [404, 404],
    [426, 502],
    [500, 502],
    [200, 502],
  ])('that the server answers with %d is told as %d in the one format, and leaves nothing open', async (given, told) => {
    server.onUpgrade = (_, socket) => {
      socket.write(`HTTP/1.1 ${given} Whatever\r\nContent-Length: 5\r\n\r\nAcme!`);
    };
    const reply = await edge.ask(handshake('/ws/open'));
    expect(reply.text).not.toContain('Acme');
    expect([reply.status, typeof reply.errorCode]).toEqual([told, 'string']);
    await quiet();
  });

  test('with the wrong accept value, or none, is a bad gateway', async () => {
    for (const accept of ['Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'X: y']) {
      server.onUpgrade = (_, socket) => {
        socket.write(`HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${accept}\r\n\r\n`);
      };
      expect((await edge.ask(handshake('/ws/open'))).errorCode).toBe('bad_gateway');
    }
    await quiet();
  });

  test('has a caller’s places, which are free again afterwards', async () => {
    const held = await Promise.all(Array.from({ length: PER_CALLER }, () => open()));
    const refused = await edge.ask(handshake('/ws/open'));
    expect([refused.status, refused.errorCode, refused.field('retry-after')]).toEqual([429, 'rate_limited', '10']);
    const { client } = await open('/ws/closed', edge.bearer);
    client.destroy();
    held[0]?.client.destroy();
    await eventually(() => server.sockets.size === PER_CALLER - 1, 'two are closed');
    await open();
  });
});

describe('an open connection', () => {
  test('echoes text and large binary messages to Node’s own client, and closes with its code', async () => {
    const { socket, opened, closed, message } = webSocket('/ws/open', { protocols: [] });
    await opened;
    let next = message();
    socket.send('hello');
    expect(await next).toBe('hello');
    const large = new Uint8Array(3_000_000).map((_, i) => i % 251);
    next = message();
    socket.send(large);
    expect(Buffer.compare(Buffer.from((await next) as ArrayBuffer), Buffer.from(large))).toBe(0);
    socket.close(4001, 'bye');
    expect(await closed).toEqual({ code: 4001, wasClean: true });
    await quiet();
  });

  test('counts as a request that is being served', async () => {
    await open();
    expect(inFlight()).toBe(1);
  });

  test('passes bytes that came with the handshake', async () => {
    const client = await edge.client();
    client.write(Buffer.concat([Buffer.from(handshake('/ws/open')), frame(1, 'early', true)]));
    const at = await client.until(() => {
      const end = client.received.indexOf('\r\n\r\n');
      return end < 0 ? undefined : end;
    }, 'answer');
    client.received = client.received.subarray(at + 4) as Buffer<ArrayBuffer>;
    expect((await nextFrame(client)).payload.toString()).toBe('early');
  });

  test('holds the sender when the other side does not read', async () => {
    server.onUpgrade = (request, socket) => {
      acceptWebSocket(request, socket);
      socket.pause();
    };
    const { client, peer } = await open();
    const piece = frame(2, Buffer.alloc(1_000_000), true);
    let sent = 0;
    while (sent < 64 && client.socket.writableLength < 8_000_000) {
      client.write(piece);
      sent += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const before = process.memoryUsage().rss;
    // What is not taken stays with the client, however long it waits.
    await eventually(() => client.socket.writableLength >= 7_000_000, 'the client is held');
    expect(process.memoryUsage().rss - before).toBeLessThan(64_000_000);
    // Who does not read does not see the end either.
    client.destroy();
    peer.resume();
  });

  test('ends when the server dies', async () => {
    const { client, peer } = await open();
    peer.resetAndDestroy();
    await client.closed();
    await quiet();
  });

  test('ends when the server leaves in order, after what it said', async () => {
    const { client, peer } = await open();
    peer.write(frame(1, 'last'));
    peer.end();
    expect((await nextFrame(client)).payload.toString()).toBe('last');
    await client.closed();
    await quiet();
  });

  test('ends when the client dies', async () => {
    const { client } = await open();
    client.socket.resetAndDestroy();
    await quiet();
  });
});

describe('what idles', () => {
  test('is told to go, and goes', async () => {
    const file = join(folder, 'idle.json');
    await writeFile(file, JSON.stringify(routes(server.url)));
    const other = await openEdge({ env: { GATEWAY_ROUTES_FILE: file, GATEWAY_WEBSOCKET_IDLE_SECONDS: '1' } });
    try {
      const client = await other.client();
      client.write(handshake('/ws/open'));
      await client.until(
        () => (client.received.includes(frame(8, Buffer.from([0x03, 0xe9]))) ? true : undefined),
        'end',
      );
      await client.closed();
      await eventually(() => server.sockets.size === 0, 'both ends are closed');
    } finally {
      await other.close();
    }
  }, 60_000);
});

describe('a process that stops', () => {
  test('says 1001 to both sides between two frames, and waits until they have gone', async () => {
    const file = join(folder, 'drain.json');
    await writeFile(file, JSON.stringify(routes(server.url)));
    const other = await openEdge({ env: { GATEWAY_ROUTES_FILE: file, SHUTDOWN_DRAIN_MS: '0' } });
    const told: { opcode: number; payload: Buffer; masked: boolean }[] = [];
    let peer: Socket | undefined;
    server.onUpgrade = (request, socket) => {
      acceptWebSocket(request, socket);
      peer = socket;
      let bytes = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        for (let found = takeFrame(bytes); found; found = takeFrame(bytes)) {
          bytes = found.rest as Buffer<ArrayBuffer>;
          told.push(found);
          if (found.opcode === 8) socket.write(frame(8, found.payload));
        }
      });
    };
    const client = await other.client();
    client.write(handshake('/ws/open'));
    await client.until(() => (client.received.includes('\r\n\r\n') ? true : undefined), 'answer');
    client.received = Buffer.alloc(0);
    // Half a frame is on its way in both directions.
    const up = frame(1, 'up '.repeat(50), true);
    const down = frame(1, 'down '.repeat(50));
    client.write(up.subarray(0, 40));
    peer?.write(down.subarray(0, 40));
    await client.until(() => (client.received.length === 40 ? true : undefined), 'half a frame');
    const stopped = other.running.stop();
    await eventually(() => other.running.app.policy.defaults.closing, 'it stops');
    client.write(up.subarray(40));
    peer?.write(down.subarray(40));
    const text = await nextFrame(client);
    const close = await nextFrame(client);
    expect([text.payload.toString(), close.opcode, close.payload, close.masked]).toEqual([
      'down '.repeat(50),
      8,
      Buffer.from([0x03, 0xe9]),
      false,
    ]);
    client.write(frame(8, close.payload, true));
    await client.closed();
    await stopped;
    expect(told.map(({ opcode, masked }) => [opcode, masked])).toEqual([
      [1, true],
      [8, true],
    ]);
    expect(told[0]?.payload.toString()).toBe('up '.repeat(50));
    expect(told[1]?.payload).toEqual(Buffer.from([0x03, 0xe9]));
    await eventually(() => server.sockets.size === 0, 'both ends are closed');
    expect(other.log.records().filter(({ message }) => String(message).includes('cut off'))).toEqual([]);
    await other.close();
  }, 60_000);

  test('gives clean closes to Node’s own client', async () => {
    const file = join(folder, 'clean.json');
    await writeFile(file, JSON.stringify(routes(server.url)));
    const other = await openEdge({ env: { GATEWAY_ROUTES_FILE: file, SHUTDOWN_DRAIN_MS: '0' } });
    const socket = new WebSocket(`ws://127.0.0.1:${other.port}/ws/open`);
    const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)));
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    await other.close();
    expect(await closed).toBe(1001);
  }, 60_000);
});
