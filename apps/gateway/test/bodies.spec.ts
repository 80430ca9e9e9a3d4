import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Edge, openEdge } from './support/edge.js';
import { lines } from './support/raw-client.js';
import { reply } from './support/raw-origin.js';
import { download, get, HOST, ID, JSON_TYPE } from './support/sent-requests.js';

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge();
}, 60_000);
afterEach(() => {
  const faults = [...edge.origin.faults];
  edge.reset();
  expect(faults).toEqual([]);
});
afterAll(() => edge?.close(), 30_000);

const latin1 = (text: string) => Buffer.from(text, 'latin1');

function send(line: string, body: Buffer, ...fields: string[]) {
  const head = lines(`${line} HTTP/1.1`, HOST, edge.bearer, ...fields, `Content-Length: ${body.length}`);
  return edge.ask(Buffer.concat([latin1(head), body]));
}

/** The body in chunks of the sizes given, over and over. */
function chunked(body: Buffer, sizes: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0, n = 0; at < body.length; n++) {
    const part = body.subarray(at, at + (sizes[n % sizes.length] as number));
    parts.push(latin1(`${part.length.toString(16)}\r\n`), part, latin1('\r\n'));
    at += part.length;
  }
  return Buffer.concat([...parts, latin1('0\r\n\r\n')]);
}

describe('a body reaches the service byte by byte', () => {
  const bodies: [string, Buffer][] = [
    ['blanks and lines', latin1(' \r\n\t{ "name" :\t"a" ,\r\n"description":null }\n ')],
    ['big numbers', latin1('{"metadata":{"n":12345678901234567890.123456789e+400,"z":-0.0,"e":1E5}}')],
    ['the same key twice', latin1('{"name":"a","name":"b"}')],
    ['escapes', latin1('{"name":"\\u0061\\/\\ud83d\\ude00\\u0000"}')],
    ['UTF-8 in the raw', Buffer.from('{"name":"é😀\u2028"}')],
    ['no UTF-8', latin1('{"name":"\xff\xfe"}')],
    ['a byte order mark', Buffer.from('\ufeff{"name":"a"}')],
    ['no JSON', latin1('{"name":')],
    ['deep nesting', latin1(`{"metadata":${'['.repeat(5000)}${']'.repeat(5000)}}`)],
    ['keys of objects', latin1('{"__proto__":{"a":1},"constructor":{"prototype":1}}')],
    ['nearly all that is allowed', latin1(`{"name":"${'x'.repeat(1024 * 1024 - 20)}"}`)],
  ];
  test.each(bodies)('JSON with %s', async (_name, body) => {
    await send('POST /api/v1/projects', body, JSON_TYPE);
    const [seen] = edge.origin.seen;
    expect(seen?.framing).toBe('length');
    expect(seen?.body.equals(body)).toBe(true);
    expect(seen?.field('content-type')).toBe('application/json');
  });

  test.each([
    ['application/json;', 200],
    ['application/json ;charset=utf-8', 200],
    ['application/json\t; charset="utf-8"', 200],
    ['APPLICATION/JSON', 200],
    ['application/json; charset=utf-16', 200],
    ['application/json, text/plain', 415],
    ['application/jsonx', 415],
    ['application/json/x', 415],
    ['text/plain', 415],
    ['text/plain; application/json', 415],
    ['multipart/form-data; boundary=x', 415],
    ['application/ld+json', 415],
    ['json', 415],
    ['', 415],
  ])('a type is judged as a type: %j', async (type, status) => {
    const answer = await send('POST /api/v1/projects', latin1('{}'), `Content-Type: ${type}`);
    expect(answer.status).toBe(status);
    // What the service judges is what was judged here.
    expect(edge.origin.seen.map((seen) => seen.field('content-type'))).toEqual(status === 200 ? [type] : []);
    if (status === 415) expect(answer.errorCode).toBe('unsupported_media_type');
  });

  test('a form becomes JSON, and says so', async () => {
    await send('POST /api/v1/projects', latin1('name=a+b%26c'), 'Content-Type: application/x-www-form-urlencoded');
    const [seen] = edge.origin.seen;
    expect([seen?.body.toString(), seen?.field('content-type')]).toEqual(['{"name":"a b&c"}', 'application/json']);
  });

  test('one that is packed is refused where it would be read, and passes where it is a file', async () => {
    const packed = gzipSync('{"name":"a"}');
    const refused = await send('POST /api/v1/projects', packed, JSON_TYPE, 'Content-Encoding: gzip');
    expect([refused.status, edge.origin.seen]).toEqual([415, []]);
    await send('POST /api/v1/files', packed, 'Content-Type: application/octet-stream', 'Content-Encoding: gzip');
    const [seen] = edge.origin.seen;
    expect([seen?.body.equals(packed), seen?.field('content-encoding')]).toEqual([true, 'gzip']);
  });

  test.each([0, 1, 65_535, 65_536, 65_537, 3_000_000])('%i bytes of a file', async (length) => {
    const body = randomBytes(length);
    const answer = await send('POST /api/v1/files', body, 'Content-Type: application/octet-stream');
    const [seen] = edge.origin.seen;
    expect([answer.status, seen?.body.equals(body), seen?.field('content-length')]).toEqual([
      200,
      true,
      String(length),
    ]);
  });

  test('in chunks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3000 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(
          'POST /api/v1/files',
          'POST /api/v1/projects',
          'PATCH /api/v1/projects/@',
          'DELETE /api/v1/projects/@',
        ),
        async (bytes, sizes, line) => {
          edge.origin.seen.length = 0;
          const body = Buffer.from(bytes);
          const head = lines(
            `${line.replace('@', ID)} HTTP/1.1`,
            HOST,
            edge.bearer,
            JSON_TYPE,
            'Transfer-Encoding: chunked',
          );
          expect((await edge.ask(Buffer.concat([latin1(head), chunked(body, sizes)]))).status).toBe(200);
          expect(edge.origin.seen).toHaveLength(1);
          expect(edge.origin.seen[0]?.body.equals(body)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});

describe('a body comes back byte by byte', () => {
  const bodies: [string, Buffer, string[]][] = [
    [
      'JSON in an odd form',
      latin1(' {"a" : 1.000000000000000000001e400 , "a":2}\r\n\r\n'),
      ['Content-Type: application/json'],
    ],
    ['every byte', Buffer.from(Array.from({ length: 256 }, (_, n) => n)), ['Content-Type: application/octet-stream']],
    ['gzip', gzipSync('x'.repeat(1000)), ['Content-Type: application/json', 'Content-Encoding: gzip']],
    [
      'what looks like an answer',
      latin1(lines('HTTP/1.1 200 OK', 'Content-Length: 0')),
      ['Content-Type: message/http'],
    ],
    ['UTF-16', Buffer.from('hällo', 'utf16le'), ['Content-Type: text/plain; charset=utf-16le']],
    ['64 KiB', randomBytes(64 * 1024), []],
    ['64 KiB and one', randomBytes(64 * 1024 + 1), []],
    ['3 MB', randomBytes(3_000_000), []],
    ['nothing', Buffer.alloc(0), []],
  ];
  test.each(bodies)('%s', async (_name, body, fields) => {
    edge.origin.script = () => reply(200, fields, body);
    const whole = await edge.ask(download(edge.bearer));
    expect([whole.status, whole.body.equals(body), whole.field('content-length')]).toEqual([
      200,
      true,
      String(body.length),
    ]);
    for (const field of fields)
      expect(whole.field(field.split(':')[0]?.toLowerCase() ?? '')).toBe(field.replace(/^[^:]*: /, ''));
    edge.origin.script = () =>
      Buffer.concat([latin1(lines('HTTP/1.1 200 Fine', 'Transfer-Encoding: chunked')), chunked(body, [1, 7, 40_000])]);
    const parts = await edge.ask(download(edge.bearer));
    expect([parts.body.equals(body), parts.message.framing]).toEqual([true, 'chunked']);
  });

  test('parts of a file, and what says which', async () => {
    edge.origin.script = (request) => {
      expect([request.field('range'), request.field('if-range')]).toEqual(['bytes=2-4', '"v1"']);
      return reply(206, ['Content-Range: bytes 2-4/10', 'ETag: "v1"', 'Accept-Ranges: bytes'], 'cde');
    };
    const answer = await edge.ask(download(edge.bearer, 'Range: bytes=2-4', 'If-Range: "v1"'));
    expect([answer.status, answer.text, answer.field('content-range')]).toEqual([206, 'cde', 'bytes 2-4/10']);
  });

  test('to a client of HTTP/1.0 without chunks', async () => {
    edge.origin.script = () =>
      `${lines('HTTP/1.1 200 Fine', 'Trailer: X-A', 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`;
    const answer = await edge.ask(lines(`GET /api/v1/files/${ID}/content HTTP/1.0`, edge.bearer));
    expect([answer.text, answer.message.framing, answer.field('connection')]).toEqual(['abc', 'close', 'close']);
  });
});

describe('nobody gets an answer that was made for somebody else', () => {
  test('every request is answered by the service, whoever asks and however', async () => {
    edge.origin.script = (request) =>
      reply(200, ['Cache-Control: public, max-age=60', 'ETag: "x"'], request.field('authorization') ?? 'nobody');
    const other = `Authorization: Bearer ${edge.token()}`;
    const asked = [
      ...[
        [edge.bearer],
        [other],
        [edge.bearer],
        [edge.bearer, 'Range: bytes=0-1'],
        [edge.bearer, 'X-Forwarded-Host: evil.example'],
      ],
      ...[[other, 'Accept-Language: de'], [edge.bearer, 'Cookie: a=b'], [other]],
    ];
    for (const target of ['/api/v1/users/me', `/api/v1/projects/${ID}`, '/api/v1/notifications/unread-count']) {
      for (const [credentials, ...fields] of asked as [string, ...string[]][]) {
        const answer = await edge.ask(lines(`GET ${target} HTTP/1.1`, HOST, credentials, ...fields));
        expect(`Authorization: ${answer.text}`).toBe(credentials);
      }
    }
    expect(edge.origin.seen).toHaveLength(3 * asked.length);
  });
});

describe('what is too much is refused at the door', () => {
  test.each([
    [
      'a declared length',
      () => lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, 'Content-Length: 1048577'),
      413,
    ],
    [
      'a length of many digits',
      () => lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, 'Content-Length: 999999999999999'),
      413,
    ],
    ['a long address', () => get(edge.bearer).replace('q=1', `q=${'x'.repeat(8200)}`), 414],
    ['a long field', () => get(edge.bearer, `X-A: ${'x'.repeat(17_000)}`), 431],
    [
      'many fields',
      () => get(edge.bearer, ...Array.from({ length: 1000 }, (_, n) => `X-${n}: ${'v'.repeat(20)}`)),
      431,
    ],
    ['no credentials', () => get(), 401],
    ['credentials that are none', () => get('Authorization: Bearer a.b.c'), 401],
    [
      'credentials that fields of the platform stand for',
      () => get('X-Nexus-Actor: service:auth', 'X-User-Id: 1'),
      401,
    ],
  ])('%s', async (_name, make, status) => {
    const answer = await edge.ask(make());
    expect([answer.status, answer.errorCode !== '', edge.origin.seen]).toEqual([status, true, []]);
  });

  test('more chunks than are allowed', async () => {
    const client = await edge.client();
    client.write(lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, 'Transfer-Encoding: chunked'));
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    for (let i = 0; i < 40; i++) client.write(chunk);
    const answer = await client.mustReply();
    expect([answer.status, answer.errorCode, edge.origin.seen]).toEqual([413, 'payload_too_large', []]);
  });

  test('fields beyond a hundred are not half a request', async () => {
    const fields = Array.from({ length: 120 }, (_, n) => `X-${n}: 1`);
    for (const head of [get(...fields, edge.bearer), get(edge.bearer, ...fields)]) {
      const answer = await edge.ask(head);
      expect([answer.status, answer.errorCode, edge.origin.seen]).toEqual([431, 'headers_too_large', []]);
    }
  });

  test('a slow or broken body of a held request never reaches the service', async () => {
    const client = await edge.client();
    client.write(
      `${lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, 'Content-Length: 100')}{"name":`,
    );
    // A whole request of somebody else has come and gone meanwhile.
    expect((await edge.ask(get(edge.bearer))).status).toBe(200);
    client.socket.end();
    await client.closed();
    expect(edge.origin.seen.map(({ method }) => method)).toEqual(['GET']);
    expect(edge.origin.unfinished).toEqual([]);
  });

  test('a head or body that does not come is not waited for', async () => {
    const begin = Date.now();
    const slow = [
      'GET /api/v1/projects HTTP/1.1\r\nHost: a\r\n',
      `${lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, 'Content-Length: 100')}{`,
    ];
    const answers = await Promise.all(
      slow.map(async (bytes) => {
        const client = await edge.client();
        client.write(bytes);
        const answer = await client.until(
          () => (client.received.includes('}') ? client.received.toString() : undefined),
          'answer',
          15_000,
        );
        return answer.split(' ')[1];
      }),
    );
    expect([answers, edge.origin.seen]).toEqual([['408', '408'], []]);
    expect(Date.now() - begin).toBeLessThan(15_000);
  }, 30_000);
});
