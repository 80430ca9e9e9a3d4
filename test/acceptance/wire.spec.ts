import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { assertRules } from './support/answer-rules.js';
import { randomAddress, times } from './support/chance.js';
import { anyone } from './support/client.js';
import { type Person, register } from './support/people.js';
import { flood, forwardedFor, HOST, lines, RawConnection, sendRaw } from './support/raw-http.js';
import type { Reply } from './support/reply.js';
import type { Project } from './support/resources.js';

/** Headers, and for a body that has begun: so long may a client take. */
const SLOW_MS = 10_000;
const UNREADABLE = { readable: false };
const host = `Host: ${HOST}`;

let ada: Person;
let bearer: string;
/** Begun before the other tests, because they take their time. */
let slow: { headers: Promise<Waited>; trickle: Promise<Waited>; body: Promise<Waited> };
const connections: RawConnection[] = [];

interface Waited {
  readonly reply: Reply | undefined;
  readonly afterMs: number;
}

async function begin(text: string): Promise<RawConnection> {
  const connection = await RawConnection.open('slow');
  connections.push(connection);
  await connection.write(text);
  return connection;
}

async function waited(connection: RawConnection): Promise<Waited> {
  const start = performance.now();
  const reply = await connection.answer(SLOW_MS + 5000);
  return { reply, afterMs: performance.now() - start };
}

async function trickle(): Promise<Waited> {
  const connection = await begin('GET /health/live HTTP/1.1\r\n');
  const timer = setInterval(() => void connection.write('X-Drop: 1\r\n'), 500);
  return waited(connection).finally(() => clearInterval(timer));
}

beforeAll(async () => {
  ada = await register();
  bearer = `Authorization: Bearer ${ada.tokens.access_token}`;
  const post = ['POST /api/v1/projects HTTP/1.1', host, forwardedFor(), bearer, 'Content-Type: application/json'];
  slow = {
    headers: begin(`GET /health/live HTTP/1.1\r\n${host}\r\n`).then(waited),
    trickle: trickle(),
    body: begin(`${lines(...post, 'Content-Length: 100')}{"name":`).then(waited),
  };
  for (const promise of Object.values(slow)) promise.catch(() => undefined);
});

afterAll(() => {
  for (const connection of connections) connection.destroy();
});

const jsonPost = (...headers: string[]) => [
  'POST /api/v1/projects HTTP/1.1',
  host,
  forwardedFor(),
  bearer,
  'Content-Type: application/json',
  ...headers,
];

describe('what is no HTTP', () => {
  test.each([
    ['rubbish', 'RUBBISH\r\n\r\n'],
    ['an empty request line', '\r\n\r\n\r\nHELLO THERE\r\n\r\n'],
    ['TLS', Buffer.from('16030100c2010000be0303', 'hex')],
    ['HTTP/2 in clear text', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a version that is none', lines('GET /health/live HTTP/9.9', host)],
    ['a method in lower case', lines('get /health/live HTTP/1.1', host)],
    ['a method that nobody knows', lines('FETCH /health/live HTTP/1.1', host)],
    ['a header without a name', lines('GET /health/live HTTP/1.1', host, ': x')],
    ['a header with a space before the colon', lines('GET /health/live HTTP/1.1', host, 'X-A : b')],
    ['a folded header', lines('GET /health/live HTTP/1.1', host, 'X-A: b', ' c')],
    ['a header with a control character', lines('GET /health/live HTTP/1.1', host, 'X-A: b\u0001c')],
    ['a header with NUL', lines('GET /health/live HTTP/1.1', host, 'X-A: b\u0000c')],
    ['a length that is no number', lines('POST /api/v1/auth/login HTTP/1.1', host, 'Content-Length: five')],
    ['a negative length', lines('POST /api/v1/auth/login HTTP/1.1', host, 'Content-Length: -5')],
    ['a signed length', lines('POST /api/v1/auth/login HTTP/1.1', host, 'Content-Length: +5')],
    ['two lengths', lines('POST /api/v1/auth/login HTTP/1.1', host, 'Content-Length: 5', 'Content-Length: 6')],
    [
      'a chunk of no size',
      `${lines('POST /api/v1/auth/login HTTP/1.1', host, 'Content-Type: application/json', 'Transfer-Encoding: chunked')}zz\r\n`,
    ],
  ])('is answered in the one format: %s', async (_name, bytes) => {
    const reply = (await sendRaw(bytes, UNREADABLE)).is(400, 405, 501, 505);
    expect(reply.error.details?.[0]?.code).toBeTruthy();
    expect(reply.header('connection')).toBe('close');
  });

  test('a bare CONNECT or TRACE opens nothing and echoes nothing', async () => {
    (await sendRaw(lines('CONNECT example.com:443 HTTP/1.1', 'Host: example.com:443'), UNREADABLE)).is(
      400,
      404,
      405,
      501,
    );
    const trace = await sendRaw(lines('TRACE / HTTP/1.1', host, forwardedFor(), 'X-Secret: echo-me'), UNREADABLE);
    expect(trace.is(400, 404, 405, 501).text).not.toContain('echo-me');
  });

  test('methods that HTTP knows and this address does not are 405', async () => {
    for (const method of ['PROPFIND', 'TRACE', 'PURGE', 'LINK']) {
      const reply = await sendRaw(lines(`${method} /api/v1/projects HTTP/1.1`, host, forwardedFor()));
      expect(reply.is(405).required('allow')).toContain('GET');
    }
  });

  test('headers that are too large are refused', async () => {
    const one = lines('GET /health/live HTTP/1.1', host, `X-Long: ${'x'.repeat(40_000)}`);
    (await sendRaw(one, UNREADABLE)).fails(431, 'headers_too_large');
    const many = Array.from({ length: 2000 }, (_, i) => `X-H${i}: ${'v'.repeat(30)}`);
    (await sendRaw(lines('GET /health/live HTTP/1.1', host, ...many), UNREADABLE)).fails(431, 'headers_too_large');
  });

  test('an address that is too long is refused', async () => {
    const target = (length: number) => `/api/v1/projects?q=${'x'.repeat(length)}`;
    (await sendRaw(lines(`GET ${target(10_000)} HTTP/1.1`, host, forwardedFor()))).fails(414, 'uri_too_long');
    (await sendRaw(lines(`GET ${target(60_000)} HTTP/1.1`, host), UNREADABLE)).is(414, 431);
  });

  test('others are served as before', async () => {
    (await anyone().get('/health/live')).is(200);
  });
});

describe('Host and target', () => {
  test.each([
    ['no Host', ['GET /health/live HTTP/1.1']],
    ['two Hosts', ['GET /health/live HTTP/1.1', host, host]],
    ['two different Hosts', ['GET /health/live HTTP/1.1', host, 'Host: evil.example']],
    ['a Host that is none', ['GET /health/live HTTP/1.1', 'Host: a b']],
    ['a Host with a path', ['GET /health/live HTTP/1.1', 'Host: a/b']],
    ['a Host with a user', ['GET /health/live HTTP/1.1', 'Host: user@evil.example']],
    ['a target that is no path', ['GET health/live HTTP/1.1', host]],
    ['a fragment', ['GET /health/live#x HTTP/1.1', host]],
    ['a percent sign alone', ['GET /health/% HTTP/1.1', host]],
    ['no UTF-8', ['GET /health/%ff HTTP/1.1', host]],
    ['no UTF-8 in the query', ['GET /?q=%c3%28 HTTP/1.1', host]],
    ['NUL', ['GET /health/%00 HTTP/1.1', host]],
    ['bytes that are no ASCII', ['GET /h\u00e9alth HTTP/1.1', host]],
  ])('%s is a bad request', async (_name, head) => {
    (await sendRaw(lines(...head), UNREADABLE)).is(400);
  });

  test('an absolute target is served like its path', async () => {
    const reply = await sendRaw(lines(`GET http://${HOST}/health/live HTTP/1.1`, host, forwardedFor()), UNREADABLE);
    reply.is(200);
  });

  test('a client of HTTP/1.0 is served', async () => {
    expect((await sendRaw(lines('GET /health/live HTTP/1.0'), UNREADABLE)).is(200).data()).toEqual({ status: 'ok' });
  });

  test('OPTIONS may ask about the server', async () => {
    expect((await sendRaw(lines('OPTIONS * HTTP/1.1', host, forwardedFor()))).is(200, 204).required('allow')).toContain(
      'GET',
    );
  });

  test('an upgrade to something unknown is not taken', async () => {
    const head = [
      'GET /health/live HTTP/1.1',
      host,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
    ];
    (await sendRaw(lines(...head), UNREADABLE)).is(200, 400, 426);
  });

  test('a Host does not reach links or locations', async () => {
    const body = '{"name":"Hosted"}';
    const head = jsonPost(`Content-Length: ${body.length}`).map((line) =>
      line === host ? 'Host: evil.example' : line,
    );
    const reply = (await sendRaw(lines(...head) + body)).is(201, 400, 421);
    expect(reply.text + (reply.header('location') ?? '')).not.toContain('evil.example');
  });
});

describe('framing', () => {
  test.each([
    ['a length and chunks', ['Content-Length: 17', 'Transfer-Encoding: chunked']],
    ['chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 17']],
    ['chunks hidden by a tab', ['Content-Length: 17', 'Transfer-Encoding:\tchunked']],
    ['chunks that are not last', ['Transfer-Encoding: chunked, gzip']],
    ['another coding', ['Transfer-Encoding: gzip, chunked']],
    ['chunks twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
    ['chunks in quotes', ['Transfer-Encoding: "chunked"']],
    ['identity', ['Transfer-Encoding: identity', 'Content-Length: 17']],
  ])('a doubtful length is refused and the connection closed: %s', async (_name, headers) => {
    const connection = await RawConnection.open('framing');
    connections.push(connection);
    const smuggled = lines('GET /api/v1/smuggled HTTP/1.1', host);
    await connection.write(`${lines(...jsonPost(...headers))}{"name":"smuggle"}0\r\n\r\n${smuggled}`);
    const reply = await connection.answer();
    reply?.is(400, 501);
    expect(reply).toBeDefined();
    expect(reply?.header('connection')).toBe('close');
    await connection.closedByServer();
  });

  test('chunks are taken', async () => {
    const body = '7\r\n{"name"\r\nc;ext=1\r\n:"chunked"} \r\n0\r\nX-Trailer: 1\r\n\r\n';
    const reply = await sendRaw(lines(...jsonPost('Transfer-Encoding: chunked')) + body);
    expect(reply.is(201).data<Project>().name).toBe('chunked');
  });

  test('rubbish in the middle of a chunked body is answered, and creates nothing', async () => {
    const before = (await ada.get('/api/v1/projects?limit=1')).page.total;
    const connection = await RawConnection.open('garbage');
    connections.push(connection);
    await connection.write(`${lines(...jsonPost('Transfer-Encoding: chunked'))}8\r\n{"name":\r\n`);
    await connection.write('5\r\n"mid"}!!rubbish\r\n');
    const reply = await connection.answer();
    reply?.is(400);
    expect(reply).toBeDefined();
    if (reply) assertRules(reply, { method: 'POST', path: '/api/v1/projects', givenId: undefined, readable: true });
    await connection.closedByServer();
    expect((await ada.get('/api/v1/projects?limit=1')).page.total).toBe(before);
  });

  test('too large a chunked body is refused before its end, and the client hears of it', async () => {
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    for (const _n of times(12)) {
      const connection = await RawConnection.open('large');
      connections.push(connection);
      await connection.write(`${lines(...jsonPost('Transfer-Encoding: chunked'))}9\r\n{"name":"\r\n`);
      const sending = (async () => {
        for (const _chunk of times(400)) await connection.write(chunk);
      })();
      const reply = await connection.answer();
      expect(reply?.is(413).code ?? 'the connection was reset').toBe('payload_too_large');
      connection.destroy();
      await sending;
    }
  });

  test('a declared length that is too large is refused before anything is sent', async () => {
    const connection = await RawConnection.open('declared');
    connections.push(connection);
    await connection.write(lines(...jsonPost('Content-Length: 99999999')));
    expect((await connection.answer())?.is(413).code).toBe('payload_too_large');
  });

  test('a compressed body is not taken for plain text', async () => {
    const body = '{"name":"packed"}';
    const reply = await sendRaw(lines(...jsonPost('Content-Encoding: gzip', `Content-Length: ${body.length}`)) + body);
    reply.fails(415, 'unsupported_media_type');
  });

  test('requests in one go are answered in order', async () => {
    const targets = ['/health/live', '/nowhere', '/api/v1/users/me', '/health/live'];
    const connection = await RawConnection.open('pipeline');
    connections.push(connection);
    const from = forwardedFor();
    await connection.write(targets.map((target) => lines(`GET ${target} HTTP/1.1`, host, from, bearer)).join(''));
    const statuses: (number | undefined)[] = [];
    for (const _target of targets) statuses.push((await connection.answer())?.status);
    expect(statuses).toEqual([200, 404, 200, 200]);
  });

  test('a body where none is expected is not taken for the next request', async () => {
    const connection = await RawConnection.open('body of a GET');
    connections.push(connection);
    const inner = lines('GET /api/v1/smuggled HTTP/1.1', host);
    await connection.write(`${lines('GET /health/live HTTP/1.1', host, `Content-Length: ${inner.length}`)}${inner}`);
    await connection.write(lines('GET /health/live HTTP/1.1', host));
    expect((await connection.answer())?.status).toBe(200);
    expect((await connection.answer())?.status).toBe(200);
  });

  test('whoever hangs up in the middle hurts nobody', async () => {
    for (const head of ['POST /api/v1/proj', `${lines(...jsonPost('Content-Length: 400'))}{"name":"ha`]) {
      const connection = await RawConnection.open('hanging up');
      await connection.write(head);
      connection.socket.resetAndDestroy();
      await once(connection.socket, 'close');
    }
    (await ada.get('/api/v1/users/me')).is(200);
  });

  test('many connections are served at once', async () => {
    const address = randomAddress();
    const replies = await flood({
      requests: 200,
      connections: 100,
      head: () => ['GET /health/live HTTP/1.1', forwardedFor(address)],
    });
    expect(replies.every((reply) => reply.status === 200)).toBe(true);
  });
});

describe('Expect', () => {
  test('100-continue is answered when the body is wanted', async () => {
    const body = '{"name":"expected"}';
    const connection = await RawConnection.open('expect');
    connections.push(connection);
    await connection.write(lines(...jsonPost('Expect: 100-continue', `Content-Length: ${body.length}`)));
    expect((await connection.answer())?.status).toBe(100);
    await connection.write(body);
    expect((await connection.answer())?.is(201).data<Project>().name).toBe('expected');
  });

  test.each([
    ['without credentials', () => jsonPost().filter((line) => line !== bearer), 401],
    ['at an unknown address', () => jsonPost().map((line) => line.replace('/projects', '/nowhere')), 404],
    ['with too large a body', () => jsonPost(), 413],
  ])('the final answer comes at once %s', async (_name, head, status) => {
    const connection = await RawConnection.open('expect');
    connections.push(connection);
    await connection.write(lines(...head(), 'Expect: 100-continue', 'Content-Length: 5000000'));
    expect((await connection.answer())?.status).toBe(status);
  });

  test('anything else cannot be met', async () => {
    const reply = await sendRaw(
      lines('GET /health/live HTTP/1.1', host, forwardedFor(), 'Expect: a-miracle'),
      UNREADABLE,
    );
    reply.fails(417, 'expectation_failed');
  });
});

describe('slow clients', () => {
  test.each(['headers', 'trickle', 'body'] as const)('are told so within ten seconds: %s', async (what) => {
    const { reply, afterMs } = await slow[what];
    expect(reply).toBeDefined();
    reply?.fails(408, 'request_timeout');
    expect(afterMs).toBeGreaterThan(2000);
    expect(afterMs).toBeLessThan(SLOW_MS + 2500);
  }, 20_000);
});
