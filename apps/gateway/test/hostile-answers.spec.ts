import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { type Edge, openEdge } from './support/edge.js';
import { lines } from './support/raw-client.js';
import { reply } from './support/raw-origin.js';
import { download, get, HOST, upload } from './support/sent-requests.js';

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge();
}, 60_000);
afterEach(() => edge.reset());
afterAll(() => edge?.close(), 30_000);

const OK = 'HTTP/1.1 200 Fine';
const BODY = '{"a":1}';
const LENGTH = 'Content-Length: 7';
const CHUNKS = `7\r\n${BODY}\r\n0\r\n\r\n`;
const body = (...fields: string[]) => lines(OK, ...fields) + BODY;

/** The service says `bytes` and ends the connection. */
function says(bytes: string): void {
  edge.origin.script = (_request, { socket }) => {
    socket.end(Buffer.from(bytes, 'latin1'));
    return undefined;
  };
}

/** Both ways by which answers come: by undici, and by Node's client where the request was a stream. */
const ways: [string, () => string][] = [
  ['a request without a body', () => get(edge.bearer)],
  ['a stream', () => upload('abc', edge.bearer)],
];

const noAnswers: Record<string, string> = {
  'two lengths': body(LENGTH, 'Content-Length: 3'),
  'the same length twice': body(LENGTH, LENGTH),
  'a list of lengths': body('Content-Length: 7, 7'),
  'a negative length': body('Content-Length: -7'),
  'a length that is none': body('Content-Length: seven'),
  'a length and chunks': lines(OK, LENGTH, 'Transfer-Encoding: chunked') + CHUNKS,
  'chunks and a length': lines(OK, 'Transfer-Encoding: chunked', LENGTH) + CHUNKS,
  'chunks with a tab': lines(OK, 'Transfer-Encoding: chunked\t') + CHUNKS,
  'chunks with a blank': lines(OK, 'Transfer-Encoding: chunked ') + CHUNKS,
  'chunks in another case': lines(OK, 'Transfer-Encoding: Chunked') + CHUNKS,
  'gzip, then chunks': lines(OK, 'Transfer-Encoding: gzip, chunked') + CHUNKS,
  'chunks, then gzip': lines(OK, 'Transfer-Encoding: chunked, gzip') + CHUNKS,
  'chunks twice': lines(OK, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + CHUNKS,
  'another coding': lines(OK, 'Transfer-Encoding: identity') + BODY,
  'a bare CR in a value': body('X-A: b\rSet-Cookie: evil=1', LENGTH),
  'a bare LF in a value': body('X-A: b\nSet-Cookie: evil=1', LENGTH),
  'NUL in a value': body('X-A: b\0c', LENGTH),
  'a control character in a value': body('X-A: b\u0001c', LENGTH),
  'a folded value': body('X-A: b', ' c', LENGTH),
  'a name with a blank': body('X A: b', LENGTH),
  'a blank before the colon': body('X-A : b', LENGTH),
  'no name': body(': b', LENGTH),
  'a field that is too long': body(`X-A: ${'a'.repeat(20_000)}`, LENGTH),
  'too many fields': body(...Array.from({ length: 1_500 }, (_, n) => `X-${n}: 1`), LENGTH),
  'too many of one field': body(...Array.from({ length: 3_000 }, () => 'a:'), LENGTH),
  'HTTP/0.9': '<html>hello</html>',
  'HTTP/1.2': `HTTP/1.2 200 Fine\r\n${LENGTH}\r\n\r\n${BODY}`,
  'another protocol': `ICY 200 OK\r\n${LENGTH}\r\n\r\n${BODY}`,
  'bare LFs': `HTTP/1.1 200 Fine\n${LENGTH}\n\n${BODY}`,
  'two digits of status': lines('HTTP/1.1 20 Fine', LENGTH) + BODY,
  'a status of zeros': lines('HTTP/1.1 000 Fine', LENGTH) + BODY,
  'a status below all': lines('HTTP/1.1 099 Fine', LENGTH) + BODY,
  'a status beyond all': lines('HTTP/1.1 700 Fine', LENGTH) + BODY,
  '101 that nobody asked for': lines('HTTP/1.1 101 Switching Protocols', 'Connection: upgrade', 'Upgrade: x') + BODY,
  '101 without a word': lines('HTTP/1.1 101 Switching Protocols') + body(LENGTH),
  'interim answers without end':
    lines('HTTP/1.1 103 Early Hints', 'Link: </a.css>; rel=preload').repeat(500) + body(LENGTH),
  'half a head': 'HTTP/1.1 200 Fine\r\nContent-Le',
  'half a body': lines(OK, LENGTH) + BODY.slice(0, 3),
  'nothing at all': '',
};

/** What Node's client reads as what it is: blanks that mean nothing, and lines of one field. */
const SOUND_TO_NODE = ['chunks with a blank', 'too many of one field'];

describe.each(ways)('the answer to %s', (way, make) => {
  const cases = Object.entries(noAnswers).filter(([name]) => way !== 'a stream' || !SOUND_TO_NODE.includes(name));

  test.each(cases)('that is none becomes one error in the one format: %s', async (_name, bytes) => {
    says(bytes);
    const client = await edge.client();
    client.write(make());
    let answer = await client.mustReply();
    for (; answer.status < 200; answer = await client.mustReply()) expect(answer.status).toBe(103);
    expect([answer.status, answer.errorCode]).toEqual([502, 'bad_gateway']);
    expect(answer.text + JSON.stringify(answer.fields)).not.toMatch(/evil|HPE|UND_|127\.0\.0\.1|parse/i);
    // The client's connection has nothing to do with it.
    edge.origin.script = () => reply(200, [], 'next');
    client.write(get(edge.bearer));
    expect((await client.mustReply()).text).toBe('next');
  });

  test.each([
    'zz\r\n',
    'ffffffffffffffffff\r\n',
    '7\r\n{"a":1}XX',
    '7 \r\n{"a":1}\r\n',
    '-1\r\n',
    '',
  ])('whose chunks are broken is seen not to be whole: %j', async (chunk) => {
    says(`${lines(OK, 'Transfer-Encoding: chunked')}3\r\nabc\r\n${chunk}`);
    const client = await edge.client();
    client.write(make());
    await client.closed();
    const text = client.received.toString('latin1');
    expect(text).not.toMatch(/\r\n0\r\n(.*\r\n)*\r\n$/);
    expect(text).not.toContain('evil');
    // Either its beginning got out, or the error did in its place.
    expect(text).toMatch(/^HTTP\/1\.1 (200|502) /);
  });

  test('of more than its length ends at its length, and the rest is nobody’s answer', async () => {
    edge.origin.script = () => Buffer.from(`${body(LENGTH)}${lines('HTTP/1.1 200 Fine', 'Content-Length: 4')}evil`);
    const [client, other] = [await edge.client(), await edge.client()];
    for (let i = 0; i < 3; i++) {
      client.write(make());
      other.write(make());
      expect([(await client.mustReply()).text, (await other.mustReply()).text]).toEqual([BODY, BODY]);
    }
  });

  test('whose rest comes late is nobody’s answer either', async () => {
    edge.origin.script = () => body(LENGTH);
    const client = await edge.client();
    client.write(make());
    expect((await client.mustReply()).text).toBe(BODY);
    for (const { socket } of edge.origin.connections)
      socket.write(`${lines('HTTP/1.1 200 Fine', 'Content-Length: 4')}evil`);
    await eventually(() => edge.origin.connections.size === 0, 'the gateway leaves those connections');
    client.write(make());
    expect((await client.mustReply()).text).toBe(BODY);
  });

  test.each([
    ['HTTP/1.0', lines('HTTP/1.0 200 Fine', LENGTH) + BODY],
    ['HTTP/1.0 with chunks', lines('HTTP/1.0 200 Fine', 'Transfer-Encoding: chunked') + CHUNKS],
    ['HTTP/0.9 by name', lines('HTTP/0.9 200 Fine', LENGTH) + BODY],
    ['HTTP/2.0 by name', lines('HTTP/2.0 200 Fine', LENGTH) + BODY],
  ])('of %s is passed on or refused, and its connection used no more', async (_name, bytes) => {
    edge.origin.script = () => Buffer.from(bytes);
    const answer = await edge.ask(make());
    expect([answer.version, [200, 502]]).toEqual(['HTTP/1.1', expect.arrayContaining([answer.status])]);
    expect(answer.status === 200 ? answer.text : answer.errorCode).toBe(answer.status === 200 ? BODY : 'bad_gateway');
    await eventually(() => edge.origin.connections.size === 0, 'the end of the connection');
  });

  test('that ends with its connection is whole', async () => {
    says(lines(OK, 'Content-Type: text/plain') + BODY);
    const answer = await edge.ask(make());
    expect([answer.text, answer.message.framing]).toEqual([BODY, 'chunked']);
  });

  test('may begin with CRLF in a value’s place: two fields are two fields', async () => {
    says(body('X-A: b\r\nX-B: c', LENGTH));
    const answer = await edge.ask(make());
    expect([answer.field('x-a'), answer.field('x-b'), answer.text]).toEqual(['b', 'c', BODY]);
  });

  test('keeps bytes beyond ASCII in its values', async () => {
    says(body('X-A: caf\u00e9\t\u00ff', 'constructor: x', '__proto__: y', LENGTH));
    const answer = await edge.ask(make());
    expect([answer.status, answer.field('x-a'), answer.field('constructor')]).toEqual([200, 'caf\u00e9\t\u00ff', 'x']);
  });

  test('of endless fields is not waited for to its end', async () => {
    let written = 0;
    edge.origin.script = (_request, { socket }) => {
      socket.write('HTTP/1.1 200 Fine\r\n');
      const line = Buffer.from(`X-A: ${'a'.repeat(1000)}\r\n`);
      const more = (): void => {
        if (socket.destroyed || written > 50_000_000) return;
        written += line.length;
        if (socket.write(line)) setImmediate(more);
        else socket.once('drain', more);
      };
      more();
      return undefined;
    };
    const answer = await edge.ask(make());
    expect([answer.status, answer.errorCode]).toEqual([502, 'bad_gateway']);
    await eventually(() => edge.origin.connections.size === 0, 'the end of the connection');
    expect(written).toBeLessThan(50_000_000);
  });
});

describe('an error of a service', () => {
  const ours = (id: string, status = 409, extra = {}) =>
    JSON.stringify({
      success: false,
      error: 'Taken.',
      error_code: status,
      request_id: id,
      details: [{ code: 'email_taken', message: 'x' }],
      ...extra,
    });

  test('in the one format is passed on to the letter', async () => {
    let sent = '';
    edge.origin.script = (request) => {
      sent = ours(request.field('x-request-id') ?? '').replace(':', ' : ');
      return reply(409, ['Content-Type: application/json; charset=utf-8', 'X-Extra: 1'], sent);
    };
    const answer = await edge.ask(get(edge.bearer));
    expect([answer.status, answer.errorCode, answer.text, answer.field('x-extra')]).toEqual([
      409,
      'email_taken',
      sent,
      '1',
    ]);
  });

  test.each([
    ['about another request', 409, ours('11111111-1111-4111-8111-111111111111'), 'application/json'],
    ['with another code', 409, undefined, 'application/json'],
    ['of another type', 409, '@', 'text/html'],
    ['that is no JSON', 409, '{"success":false', 'application/json'],
    ['that says it went well', 409, '{"success":true,"data":"secret"}', 'application/json'],
    ['of a page', 409, '<h1>secret at 10.0.0.1</h1>', 'text/html'],
    ['that is packed', 409, '\u001f\u008bsecret', 'application/json\r\nContent-Encoding: gzip'],
  ])('%s is told in the gateway’s words', async (_name, status, text, type) => {
    edge.origin.script = (request) => {
      const id = request.field('x-request-id') ?? '';
      return reply(
        status,
        [`Content-Type: ${type}`, 'X-Secret: secret'],
        text === '@' ? ours(id) : (text ?? ours(id, 410)),
      );
    };
    const answer = await edge.ask(get(edge.bearer));
    expect([answer.status, answer.errorCode]).toEqual([409, 'conflict']);
    expect(answer.text + JSON.stringify(answer.fields)).not.toMatch(/secret|email_taken/);
  });

  test.each([
    [400, 400, 'bad_request', {}],
    [401, 401, 'unauthenticated', { 'www-authenticate': 'Bearer realm="nexus"' }],
    [403, 403, 'forbidden', {}],
    [404, 404, 'not_found', {}],
    [405, 502, 'bad_gateway', {}],
    [407, 502, 'bad_gateway', {}],
    [408, 502, 'bad_gateway', {}],
    [418, 400, 'bad_request', {}],
    [421, 502, 'bad_gateway', {}],
    [426, 502, 'bad_gateway', {}],
    [429, 429, 'rate_limited', { 'retry-after': '1' }],
    [431, 431, 'headers_too_large', {}],
    [500, 502, 'bad_gateway', {}],
    [503, 503, 'unavailable', { 'retry-after': '1' }],
    [504, 504, 'timed_out', {}],
    [507, 502, 'bad_gateway', {}],
    [599, 502, 'bad_gateway', {}],
  ])('%i without a word is %i %s', async (status, told, code, fields) => {
    edge.origin.script = () =>
      reply(status, ['Proxy-Authenticate: Basic', 'Upgrade: TLS/1.3', 'WWW-Authenticate: Basic']);
    const answer = await edge.ask(get(edge.bearer));
    expect([answer.status, answer.errorCode]).toEqual([told, code]);
    for (const [name, value] of Object.entries(fields)) expect(answer.field(name)).toBe(value);
    if (told !== 401) expect(answer.names.filter((name) => /authenticate|upgrade/.test(name))).toEqual([]);
  });

  test('to HEAD says no more than its fields', async () => {
    edge.origin.script = () =>
      lines('HTTP/1.1 500 Broken', 'Content-Type: text/html', 'X-Secret: secret', 'Content-Length: 99');
    const client = await edge.client();
    client.write(lines('HEAD /api/v1/projects HTTP/1.1', HOST, edge.bearer));
    const answer = await client.mustReply(true);
    expect([answer.status, answer.field('content-type')]).toEqual([502, 'application/json; charset=utf-8']);
    expect(answer.names).not.toContain('x-secret');
  });

  test('without an end costs no memory', async () => {
    let written = 0;
    edge.origin.script = (_request, { socket }) => {
      socket.write(lines('HTTP/1.1 500 Broken', 'Transfer-Encoding: chunked'));
      const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
      const more = (): void => {
        if (socket.destroyed) return;
        written += chunk.length;
        if (socket.write(chunk)) setImmediate(more);
        else socket.once('drain', more);
      };
      more();
      return undefined;
    };
    const answer = await edge.ask(download(edge.bearer));
    expect([answer.status, answer.errorCode]).toEqual([502, 'bad_gateway']);
    await eventually(() => edge.origin.connections.size === 0, 'the end of the connection');
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });
});
