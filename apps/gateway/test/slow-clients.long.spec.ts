import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { type Edge, openEdge } from './support/edge.js';
import { lines, type RawClient } from './support/raw-client.js';
import type { OriginConnection } from './support/raw-origin.js';
import { download, get, HOST, JSON_TYPE } from './support/sent-requests.js';

const MIB = 1024 ** 2;
/** More than all sockets between two ends hold. */
const HUGE = 512 * MIB;
/** Longer than every grace below. */
const LONG_MS = 3_000;

/** Takes nearly every client, after a second or two. */
const LENIENT = { GATEWAY_BODY_GRACE_SECONDS: '1', GATEWAY_ANSWER_GRACE_SECONDS: '2' };
/** Takes none that is slower than this machine. */
const HASTY = {
  GATEWAY_BODY_BYTES_PER_SECOND: '20000000',
  GATEWAY_BODY_GRACE_SECONDS: '1',
  GATEWAY_ANSWER_BYTES_PER_SECOND: '200000000',
  GATEWAY_ANSWER_GRACE_SECONDS: '1',
};

let lenient: Edge;
let hasty: Edge;
beforeAll(async () => {
  [lenient, hasty] = await Promise.all([openEdge({ env: LENIENT }), openEdge({ env: HASTY })]);
}, 90_000);
afterEach(() => {
  for (const edge of [lenient, hasty]) edge.reset();
});
afterAll(async () => {
  await Promise.all([lenient, hasty].map((edge) => edge?.close()));
}, 60_000);

/** Does something over and over until it is stopped. */
function drip(work: () => void, everyMs: number): () => void {
  const timer = setInterval(work, everyMs);
  return () => clearInterval(timer);
}

/** Waits so long, and fails as soon as something does not hold. */
async function holdsFor(ms: number, holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    if (!holds()) throw new Error(`It held for ${Math.round(ms - (end - performance.now()))} ms only: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const running = (edge: Edge) => edge.running.app.policy.inFlight.size;
const project = (edge: Edge, ...fields: string[]) =>
  lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, ...fields);
const upload = (edge: Edge, ...fields: string[]) =>
  lines('POST /api/v1/files HTTP/1.1', HOST, edge.bearer, 'Content-Type: application/octet-stream', ...fields);

async function refused(edge: Edge, client: RawClient): Promise<void> {
  const answer = await client.mustReply();
  expect([answer.status, answer.errorCode, answer.field('connection')]).toEqual([408, 'request_timeout', 'close']);
  await client.closed();
  expect(client.received).toHaveLength(0);
  await eventually(() => running(edge) === 0, 'the end of the request');
}

const FRAMINGS: readonly [string, string][] = [
  ['Content-Length: 100000', 'a'],
  ['Transfer-Encoding: chunked', '1\r\na\r\n'],
  ['Content-Length: 5', ''],
];

describe('a body that comes drop by drop', () => {
  /** Sends it in every framing there is, at the same time. */
  async function dripAll(head: typeof project): Promise<void> {
    const clients = await Promise.all(FRAMINGS.map(() => lenient.client()));
    for (const [n, client] of clients.entries()) client.write(head(lenient, FRAMINGS[n]?.[0] ?? ''));
    const stop = drip(() => {
      for (const [n, client] of clients.entries()) client.write(FRAMINGS[n]?.[1] ?? '');
    }, 100);
    try {
      await Promise.all(clients.map((client) => refused(lenient, client)));
    } finally {
      stop();
    }
  }

  test('is refused before a service hears of it', async () => {
    await dripAll(project);
    expect([lenient.origin.seen, lenient.origin.unfinished]).toEqual([[], []]);
  });

  test('is refused, and breaks off at the service that takes it as it comes', async () => {
    await dripAll(upload);
    expect(lenient.origin.seen).toEqual([]);
    await eventually(() => lenient.origin.unfinished.length === FRAMINGS.length, 'the end at the service');
  });

  test('ends with its connection when its answer has begun', async () => {
    lenient.origin.onHead = (_head, { socket }) =>
      socket.write(lines('HTTP/1.1 200 Fine', 'Transfer-Encoding: chunked'));
    const client = await lenient.client();
    client.write(`${upload(lenient, 'Content-Length: 100000')}a`);
    await client.until(() => (client.received.includes('\r\n\r\n') ? true : undefined), 'the head');
    await client.closed();
    expect(client.received.toString('latin1')).not.toMatch(/\r\n0\r\n\r\n$/);
    await eventually(() => running(lenient) === 0, 'the end of the request');
  });

  test('may take its time as long as it is fast enough', async () => {
    const client = await lenient.client();
    client.write(upload(lenient, 'Content-Length: 3000'));
    let sent = 0;
    const stop = drip(() => {
      if (sent < 3000) client.write('a'.repeat(100));
      sent += 100;
    }, 100);
    try {
      expect((await client.mustReply()).status).toBe(200);
    } finally {
      stop();
    }
    expect(lenient.origin.seen[0]?.body).toHaveLength(3000);
  });

  test('costs a client that is late once no more than that request', async () => {
    const client = await lenient.client();
    client.write(project(lenient, 'Content-Length: 2'));
    await refused(lenient, client);
    expect((await lenient.ask(get(lenient.bearer))).status).toBe(200);
  });
});

describe('a body that is held up by our side', () => {
  test('is waited for, however slow the service is', async () => {
    let got = 0;
    hasty.origin.onBytes = (chunk, { socket }) => {
      got += chunk.length;
      socket.pause();
      return true;
    };
    const client = await hasty.client();
    const body = randomBytes(32 * MIB);
    client.write(upload(hasty, `Content-Length: ${body.length}`));
    client.write(body);
    await eventually(() => got > 0, 'the beginning');
    // What the sockets take of it is worth half a second of the three.
    await holdsFor(LONG_MS, () => client.total === 0 && !client.ended, 'the upload goes on');
    expect([running(hasty), got < body.length]).toEqual([1, true]);
    for (const { socket } of hasty.origin.connections) socket.destroy();
    expect((await client.mustReply()).status).toBe(502);
    await eventually(() => running(hasty) === 0, 'the end of the request');
  });

  test('is waited for, however late the service asks for it', async () => {
    const { promise, resolve } = Promise.withResolvers<OriginConnection>();
    lenient.origin.onHead = (_head, connection) => resolve(connection);
    const client = await lenient.client();
    client.write(upload(lenient, 'Content-Length: 3', 'Expect: 100-continue'));
    const { socket } = await promise;
    await holdsFor(LONG_MS, () => client.total === 0 && !client.ended, 'the service thinks');
    socket.write(lines('HTTP/1.1 100 Continue'));
    expect((await client.mustReply()).status).toBe(100);
    client.write('abc');
    expect((await client.mustReply()).status).toBe(200);
  });

  test('is waited for no longer than anything else, once the service has asked', async () => {
    lenient.origin.onHead = (_head, { socket }) => socket.write(lines('HTTP/1.1 100 Continue'));
    const client = await lenient.client();
    client.write(upload(lenient, 'Content-Length: 3', 'Expect: 100-continue'));
    expect((await client.mustReply()).status).toBe(100);
    await refused(lenient, client);
  });

  test('is not missed where it means nothing', async () => {
    const { promise, resolve } = Promise.withResolvers<OriginConnection>();
    lenient.origin.script = (_request, connection) => {
      resolve(connection);
      return undefined;
    };
    const client = await lenient.client();
    client.write(get(lenient.bearer, 'Content-Length: 5'));
    const { socket } = await promise;
    await holdsFor(LONG_MS, () => client.total === 0 && !client.ended, 'the service thinks');
    socket.write(`${lines('HTTP/1.1 200 Fine', 'Content-Type: application/json', 'Content-Length: 2')}{}`);
    expect((await client.mustReply()).text).toBe('{}');
  });
});

describe('an answer', () => {
  /** The service sends without an end. */
  function pour(edge: Edge): void {
    const chunk = randomBytes(64 * 1024);
    edge.origin.script = (_request, { socket }) => {
      socket.write(lines('HTTP/1.1 200 Fine', 'Content-Type: application/octet-stream', `Content-Length: ${HUGE}`));
      const more = (): void => {
        while (!socket.destroyed) {
          if (socket.write(chunk)) continue;
          socket.once('drain', more);
          return;
        }
      };
      more();
      return undefined;
    };
  }

  async function begin(edge: Edge): Promise<RawClient> {
    pour(edge);
    const client = await edge.client();
    client.countOnly();
    client.write(download(edge.bearer));
    await client.until(() => (client.total > 0 ? true : undefined), 'the beginning');
    return client;
  }

  /** Reads on, a piece at a time with a pause after each. */
  function readSlowly({ socket }: RawClient, pauseMs: number): void {
    socket.on('data', () => {
      socket.pause();
      setTimeout(() => socket.resume(), pauseMs);
    });
  }

  async function cutOff(edge: Edge, client: RawClient): Promise<void> {
    await eventually(() => running(edge) === 0, 'the end of the request');
    await eventually(() => edge.origin.connections.size === 0, 'the end at the service');
    client.socket.resume();
    await client.closed();
    expect(client.total).toBeLessThan(HUGE);
  }

  test('that nobody reads ends', async () => {
    const client = await begin(lenient);
    client.socket.pause();
    await cutOff(lenient, client);
  });

  test('that is read too slowly ends, although it is read all the time', async () => {
    const client = await begin(hasty);
    readSlowly(client, 50);
    await cutOff(hasty, client);
  });

  test('that is read slowly, and fast enough, goes on', async () => {
    const client = await begin(lenient);
    readSlowly(client, 5);
    await holdsFor(LONG_MS, () => !client.ended, 'the download goes on');
    const { total } = client;
    await client.until(() => (client.total > total ? true : undefined), 'more');
  });

  test('that has nothing to say may be silent', async () => {
    lenient.origin.script = () =>
      lines('HTTP/1.1 200 Fine', 'Content-Type: text/event-stream', 'Transfer-Encoding: chunked');
    const client = await lenient.client();
    client.write(lines('GET /api/v1/notifications/stream HTTP/1.1', HOST, lenient.bearer, 'Accept: text/event-stream'));
    await client.until(() => (client.received.includes('\r\n\r\n') ? true : undefined), 'the head');
    await holdsFor(LONG_MS, () => !client.ended, 'the stream is open');
    for (const { socket } of lenient.origin.connections) socket.write('3\r\n:a\n\r\n');
    await client.until(() => (client.received.includes(':a') ? true : undefined), 'the event');
  });
});

test('the slow ones are counted', async () => {
  const metrics = await (await fetch(`${lenient.running.managementUrl}/metrics`)).text();
  for (const slow of ['body', 'answer'])
    expect(
      Number(new RegExp(`^http_server_slow_clients_total\\{with="${slow}"\\} (\\d+)$`, 'm').exec(metrics)?.[1]),
    ).toBeGreaterThan(0);
});
