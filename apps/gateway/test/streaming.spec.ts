import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { type Edge, openEdge } from './support/edge.js';
import { lines } from './support/raw-client.js';
import type { OriginConnection } from './support/raw-origin.js';
import { reply } from './support/raw-origin.js';
import { download, get, HOST, ID, JSON_TYPE } from './support/sent-requests.js';

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge();
}, 60_000);
afterEach(() => edge.reset());
afterAll(() => edge?.close(), 30_000);

const MIB = 1024 ** 2;
/** What the gateway and the sockets on both sides of it may hold; sockets of this machine take some MB each. */
const MOST_HELD = 24 * MIB;
const HUGE = 512 * MIB;
const UPLOAD = ['POST /api/v1/files HTTP/1.1', HOST, 'Content-Type: application/octet-stream'];

/** Waits until a number has not grown for some looks in a row. */
async function settled(value: () => number): Promise<number> {
  let last = -1;
  let same = 0;
  await eventually(() => {
    const now = value();
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= 40;
  }, 'a standstill');
  return last;
}

/** The connection on which a request has begun. */
async function begun(
  bytes: string,
): Promise<{ client: Awaited<ReturnType<Edge['client']>>; connection: OriginConnection }> {
  const { promise, resolve } = Promise.withResolvers<OriginConnection>();
  edge.origin.onHead = (_head, connection) => resolve(connection);
  const client = await edge.client();
  client.write(bytes);
  return { client, connection: await promise };
}

describe('a download', () => {
  /** The service sends as fast as it is let, `total` bytes. */
  function pour(total: number, chunk: Buffer) {
    const sent = { bytes: 0 };
    edge.origin.script = (_request, { socket }) => {
      socket.write(lines('HTTP/1.1 200 Fine', 'Content-Type: application/octet-stream', `Content-Length: ${total}`));
      const more = (): void => {
        while (sent.bytes < total && !socket.destroyed) {
          sent.bytes += chunk.length;
          if (!socket.write(chunk)) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
      return undefined;
    };
    return sent;
  }

  test('goes at the speed of its client, and is not held in between', async () => {
    const sent = pour(HUGE, randomBytes(64 * 1024));
    const client = await edge.client();
    client.countOnly();
    const before = process.memoryUsage().rss;
    client.write(download(edge.bearer));
    await client.until(() => (client.total > 0 ? true : undefined), 'the beginning');
    client.socket.pause();
    const held = (await settled(() => sent.bytes)) - client.total;
    expect(held).toBeLessThan(MOST_HELD);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 * MOST_HELD);
    // It goes on where it stopped.
    const from = client.total;
    client.socket.resume();
    await client.until(() => (client.total > from + 32 * MIB ? true : undefined), 'more');
    client.socket.pause();
    // By now the system has widened the windows of both connections.
    expect((await settled(() => sent.bytes)) - client.total).toBeLessThan(3 * MOST_HELD);
    expect(sent.bytes).toBeLessThan(HUGE);
  }, 60_000);

  test('whose client leaves ends at the service at once', async () => {
    const sent = pour(HUGE, randomBytes(64 * 1024));
    const { client, connection } = await begun(download(edge.bearer));
    await client.until(() => (client.total > 0 ? true : undefined), 'the beginning');
    client.socket.resetAndDestroy();
    await eventually(() => connection.socket.destroyed, 'the end at the service');
    expect(sent.bytes).toBeLessThan(HUGE);
  });

  test('that breaks off breaks off at its client', async () => {
    edge.origin.script = (_request, { socket }) => {
      socket.end(
        Buffer.concat([Buffer.from(lines('HTTP/1.1 200 Fine', `Content-Length: ${MIB}`)), randomBytes(MIB / 2)]),
      );
      return undefined;
    };
    const client = await edge.client();
    client.write(download(edge.bearer));
    await client.closed();
    expect(client.total).toBeLessThan(MIB);
    expect(client.received.toString('latin1', 0, 15)).toBe('HTTP/1.1 200 OK');
  });
});

describe('an upload', () => {
  test('goes at the speed of the service, and is not held in between', async () => {
    const got = { bytes: 0, stopped: true };
    let socket: OriginConnection['socket'] | undefined;
    edge.origin.onBytes = (chunk, connection) => {
      socket = connection.socket;
      got.bytes += chunk.length;
      if (got.stopped) socket.pause();
      return true;
    };
    const client = await edge.client();
    const before = process.memoryUsage().rss;
    client.write(lines(...UPLOAD, edge.bearer, `Content-Length: ${HUGE}`));
    let sent = 0;
    const chunk = randomBytes(64 * 1024);
    const more = (): void => {
      while (sent < HUGE && !client.socket.destroyed) {
        sent += chunk.length;
        if (!client.socket.write(chunk)) {
          client.socket.once('drain', more);
          return;
        }
      }
    };
    more();
    await eventually(() => got.bytes > 0, 'the beginning');
    expect((await settled(() => sent)) - got.bytes).toBeLessThan(MOST_HELD);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 * MOST_HELD);
    got.stopped = false;
    socket?.resume();
    await eventually(() => got.bytes > 48 * MIB, 'more');
    expect(sent - got.bytes).toBeLessThan(MOST_HELD);
  }, 60_000);

  test('begins at the service before it ends', async () => {
    const { client, connection } = await begun(lines(...UPLOAD, edge.bearer, 'Transfer-Encoding: chunked'));
    client.write('3\r\nabc\r\n');
    await eventually(() => connection.unread.includes('abc'), 'the first chunk');
    expect(edge.origin.seen).toEqual([]);
    client.write('3\r\ndef\r\n0\r\n\r\n');
    expect((await client.mustReply()).status).toBe(200);
    expect(edge.origin.seen.map(({ body }) => body.toString())).toEqual(['abcdef']);
  });

  test.each([
    ['with a length', 'Content-Length: 100', 'abc'],
    ['in chunks', 'Transfer-Encoding: chunked', '3\r\nabc\r\n'],
  ])('whose client leaves breaks off at the service, and never looks whole: %s', async (_name, framing, part) => {
    const { client, connection } = await begun(lines(...UPLOAD, edge.bearer, framing));
    client.write(part);
    await eventually(() => connection.unread.includes('abc'), 'the beginning');
    client.socket.resetAndDestroy();
    await eventually(() => connection.socket.destroyed, 'the end at the service');
    expect(edge.origin.seen).toEqual([]);
    expect(edge.origin.unfinished).toHaveLength(1);
    expect(edge.origin.unfinished[0]?.toString('latin1')).not.toMatch(/\r\n0\r\n\r\n$/);
  });

  test.each([
    'zz\r\n',
    '3\r\nabcXX',
    '-1\r\n',
  ])('that is broken breaks off at the service, and its client is told: %j', async (bad) => {
    const { client, connection } = await begun(lines(...UPLOAD, edge.bearer, 'Transfer-Encoding: chunked'));
    client.write('3\r\nabc\r\n');
    await eventually(() => connection.unread.includes('abc'), 'the beginning');
    client.write(`${bad}${get(edge.bearer)}`);
    const answer = await client.mustReply();
    expect([answer.status, answer.errorCode, answer.field('connection')]).toEqual([400, 'bad_request', 'close']);
    await eventually(() => connection.socket.destroyed, 'the end at the service');
    expect(edge.origin.seen).toEqual([]);
    expect(edge.origin.unfinished[0]?.toString('latin1')).not.toMatch(/\r\n0\r\n\r\n$/);
  });

  test('that the service refuses early is answered early', async () => {
    const { client } = await begun(lines(...UPLOAD, edge.bearer, `Content-Length: ${HUGE}`));
    for (const { socket } of edge.origin.connections) socket.write(reply(413, ['Connection: close'], ''));
    const answer = await client.mustReply();
    expect([answer.status, answer.errorCode, answer.field('connection')]).toEqual([413, 'payload_too_large', 'close']);
  });

  test('is never sent twice', async () => {
    edge.origin.onHead = (_head, { socket }) => socket.resetAndDestroy();
    const client = await edge.client();
    client.write(`${lines(...UPLOAD, edge.bearer, 'Content-Length: 3')}abc`);
    const answer = await client.mustReply();
    expect([answer.status, answer.errorCode]).toEqual([502, 'bad_gateway']);
    expect(edge.origin.unfinished.length + edge.origin.seen.length).toBe(1);
  });
});

describe('a client that leaves', () => {
  test.each([
    ['while the service thinks', () => get(edge.bearer)],
    ['while its upload is weighed', () => `${lines(...UPLOAD, edge.bearer, 'Content-Length: 3')}abc`],
    [
      'after a write',
      () => `${lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, 'Content-Length: 2')}{}`,
    ],
  ])('%s, is no longer worked for', async (_name, make) => {
    edge.origin.script = () => undefined;
    const { client, connection } = await begun(make());
    client.socket.resetAndDestroy();
    await eventually(() => connection.socket.destroyed, 'the end at the service');
    expect(edge.origin.seen.length).toBeLessThanOrEqual(1);
  });
});

describe('events', () => {
  const STREAM = () =>
    lines(
      'GET /api/v1/notifications/stream HTTP/1.1',
      HOST,
      edge.bearer,
      'Accept: text/event-stream',
      'Last-Event-ID: 7',
    );
  const EVENTS = lines(
    'HTTP/1.1 200 Fine',
    'Content-Type: text/event-stream',
    'Cache-Control: no-store',
    'Transfer-Encoding: chunked',
  );
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

  test('arrive one by one, as they are sent', async () => {
    edge.origin.script = () => EVENTS;
    const { client, connection } = await begun(STREAM());
    await client.until(() => (client.received.includes('\r\n\r\n') ? true : undefined), 'the head, before any event');
    expect(edge.origin.seen[0]?.field('last-event-id')).toBe('7');
    for (let n = 0; n < 20; n++) {
      const event = `id: ${n}\ndata: {"n":${n}}\n\n`;
      connection.socket.write(chunk(event));
      await client.until(() => (client.received.includes(event) ? true : undefined), `event ${n}`);
    }
  });

  test('end when their client leaves', async () => {
    edge.origin.script = () => EVENTS + chunk(': hello\n\n');
    const { client, connection } = await begun(STREAM());
    await client.until(() => (client.received.includes('hello') ? true : undefined), 'the first line');
    client.socket.end();
    client.socket.destroy();
    await eventually(() => connection.socket.destroyed, 'the end at the service');
  });

  test('that do not end in order are seen not to', async () => {
    edge.origin.script = () => EVENTS + chunk('data: 1\n\n');
    const { client, connection } = await begun(STREAM());
    await client.until(() => (client.received.includes('data: 1') ? true : undefined), 'the first event');
    connection.socket.resetAndDestroy();
    await client.closed();
    expect(client.received.toString('latin1')).not.toMatch(/\r\n0\r\n\r\n$/);
  });
});

test('a hundred slow downloads at once are a hundred requests at the service, and none waits for another', async () => {
  edge.origin.script = (_request, { socket }) => {
    socket.write(lines('HTTP/1.1 200 Fine', 'Transfer-Encoding: chunked'));
    socket.write('1\r\na\r\n');
    return undefined;
  };
  const clients = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const client = await edge.client();
      client.write(lines(`GET /api/v1/files/${ID}/content?n=${n} HTTP/1.1`, HOST, edge.bearer));
      return client;
    }),
  );
  for (const client of clients)
    await client.until(() => (client.received.includes('1\r\na\r\n') ? true : undefined), 'the beginning');
  expect(new Set(edge.origin.seen.map(({ target }) => target)).size).toBe(100);
  for (const { socket } of edge.origin.connections) socket.write('0\r\n\r\n');
  for (const client of clients) expect((await client.mustReply()).text).toBe('a');
});
