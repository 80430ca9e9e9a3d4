import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Edge, openEdge } from './support/edge.js';
import { lines } from './support/raw-client.js';
import { reply, type SeenRequest } from './support/raw-origin.js';
import { download, get, HOST, ID, JSON_TYPE, post, upload } from './support/sent-requests.js';

let edge: Edge;
let bearer: string;
beforeAll(async () => {
  edge = await openEdge();
  bearer = edge.bearer;
}, 60_000);
afterEach(() => {
  const faults = [...edge.origin.faults];
  edge.reset();
  expect(faults).toEqual([]);
});
afterAll(() => edge?.close(), 30_000);

/** What the service got; exactly one request. */
function only(): SeenRequest {
  expect(edge.origin.seen).toHaveLength(1);
  return edge.origin.seen[0] as SeenRequest;
}

async function seenFor(bytes: string): Promise<SeenRequest> {
  expect((await edge.ask(bytes)).status).toBe(200);
  return only();
}

const names = (request: SeenRequest) => request.fields.map(([name]) => name.toLowerCase());

/** Both ways by which requests go on: by undici, and by Node's client where the body is a stream. */
const ways: [string, (...fields: string[]) => string][] = [
  ['without a body', (...fields) => get(...fields)],
  ['with a body that is held', (...fields) => post('{"name":"a"}', ...fields)],
  ['with a body that passes through', (...fields) => upload('bytes', ...fields)],
];

describe.each(ways)('a request %s', (_name, make) => {
  const send = (...fields: string[]) => seenFor(make(bearer, ...fields));

  test('loses the fields of its connection', async () => {
    const seen = await send(
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eDp5',
      'Proxy-Authenticate: Basic',
      'Proxy-Features: x',
      'Proxy: http://evil.example',
      'Trailer: X-A',
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
      'TE: gzip',
      'Max-Forwards: 3',
    );
    const kept = names(seen).filter((name) => /^(proxy|keep-alive|trailer|http2|te$|upgrade|max-f|expect)/.test(name));
    expect(kept).toEqual([]);
    expect(seen.field('connection')).toMatch(/^(keep-alive|close)$/);
  });

  test('loses what Connection names, in any case and line, and nothing else', async () => {
    const seen = await send(
      'Connection: X-One ,,x-TWO',
      'connection: keep-alive, x-three',
      'X-One: 1',
      'x-two: 2',
      'X-THREE: 3',
      'X-Four: 4',
    );
    expect(names(seen).filter((name) => name.startsWith('x-') && !/^x-(forwarded|nexus|request)/.test(name))).toEqual([
      'x-four',
    ]);
  });

  test('keeps what the gateway adds, whatever Connection names', async () => {
    const own = ['via', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id'];
    own.push('traceparent', 'x-nexus-client-address', 'host', 'te');
    const seen = await send(`Connection: ${own.join(', ')}, close, content-length`, 'TE: trailers');
    for (const name of own) expect([name, seen.field(name)]).toEqual([name, expect.stringMatching(/./)]);
    expect(seen.field('x-nexus-client-address')).toBe('127.0.0.1');
  });

  test('says for whom it comes, and believes nobody else about it', async () => {
    const seen = await send(
      'Via: 1.0 fred',
      'Forwarded: for=6.6.6.6;host=evil.example;proto=https',
      'X-Forwarded-For: 6.6.6.6, 7.7.7.7',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Port: 1',
      'X-Forwarded-Prefix: /evil',
      'X-Forwarded-Client-Cert: Hash=1',
      'X-Real-IP: 6.6.6.6',
    );
    expect(seen.field('via')).toBe('1.0 fred, 1.1 nexus');
    expect(seen.field('forwarded')).toBe('for=127.0.0.1;host="api.example";proto=http');
    expect(names(seen).filter((name) => /^x-(forwarded|real)/.test(name))).toEqual([
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
    ]);
    expect(seen.field('x-forwarded-for')).toBe('127.0.0.1');
    expect(seen.field('x-forwarded-host')).toBe('api.example');
    expect(JSON.stringify(seen.fields)).not.toMatch(/6\.6\.6\.6|evil/);
  });

  test('carries nobody else than the one who signed in', async () => {
    const told = [
      ...[
        'X-Nexus-Actor: service:auth',
        'x-nexus-client-address: 6.6.6.6',
        'X_Nexus_Actor: evil',
        'x-nexus_actor: evil',
      ],
      ...[
        'X-NEXUS-Local-Visitor: evil',
        'X-User-Id: evil',
        'X_User_Id: evil',
        'x-user_role: evil',
        'X-User-Role: evil',
      ],
      ...['X-API-Key: evil', 'X_Api_Key: evil', 'X-HTTP-Method-Override: DELETE', 'X_HTTP_Method_Override: DELETE'],
      ...[
        'X-Original-URL: /internal/evil',
        'X-Rewrite-Url: /internal/evil',
        'Content_Length: 3',
        'Transfer_Encoding: chunked',
      ],
    ];
    const seen = await send(...told);
    expect(seen.fields.filter(([, value]) => /evil|service|DELETE|6\.6/.test(value))).toEqual([]);
    expect(names(seen).filter((name) => name.includes('_'))).toEqual([]);
    expect(seen.field('authorization')).toBe(bearer.slice('Authorization: '.length));
    expect(seen.field('x-nexus-client-address')).toBe('127.0.0.1');
  });

  test('carries an access token in place of an API key', async () => {
    const seen = await seenFor(make(edge.apiKey));
    expect(seen.field('authorization')).toMatch(/^Bearer [\w-]+\.[\w-]+\.[\w-]+$/);
    expect(JSON.stringify(seen.fields)).not.toMatch(/x-api-key|nx_/i);
    expect(JSON.stringify(edge.log.records())).not.toContain(edge.apiKey.slice('X-API-Key: '.length));
  });

  test('has an id and a trace of the right form, whatever was sent', async () => {
    const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const seen = await send(`X-Request-Id: ${'a'.repeat(300)}`, `Traceparent: ${parent}`, 'Tracestate: a=1');
    expect(seen.field('x-request-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(seen.field('traceparent')).toMatch(
      /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/,
    );
    edge.origin.reset();
    const wrong = await send('Traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01', 'Tracestate: a=1');
    expect(wrong.field('traceparent')).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    expect(names(wrong)).not.toContain('tracestate');
  });

  test('asks for trailers when its client does', async () => {
    expect((await send('TE: gzip;q=0.5, trailers', 'Connection: TE')).field('te')).toBe('trailers');
    edge.origin.reset();
    expect((await send('TE: trailersX')).field('te')).toBeUndefined();
  });

  test('is addressed to the service, not to what the client wrote', async () => {
    expect((await send()).field('host')).not.toBe('api.example');
  });
});

describe('methods', () => {
  test.each([
    ['TRACE', lines('TRACE /api/v1/projects HTTP/1.1', HOST, 'Max-Forwards: 0', 'X-Secret: echo-me')],
    ['TRACE of nothing', lines('TRACE /nothing HTTP/1.1', HOST, 'X-Secret: echo-me')],
    ['CONNECT', lines('CONNECT service:80 HTTP/1.1', 'Host: service:80', 'X-Secret: echo-me')],
    ['CONNECT with a path', lines('CONNECT /api/v1/projects HTTP/1.1', HOST, 'X-Secret: echo-me')],
  ])('%s is refused here', async (_name, bytes) => {
    const answer = await edge.ask(bytes);
    expect([400, 404, 405]).toContain(answer.status);
    expect(answer.errorCode).toMatch(/^(method_not_allowed|not_found|bad_request)$/);
    expect(answer.text).not.toContain('echo-me');
    expect(edge.origin.seen).toEqual([]);
  });

  test('OPTIONS with Max-Forwards ends here', async () => {
    for (const hops of ['0', '5']) {
      const answer = await edge.ask(lines('OPTIONS /api/v1/projects HTTP/1.1', HOST, `Max-Forwards: ${hops}`));
      expect([answer.status, answer.field('allow')]).toEqual([204, expect.stringContaining('GET')]);
    }
    expect(edge.origin.seen).toEqual([]);
  });
});

describe('Expect', () => {
  test('100-continue of a held body is answered here, and goes no further', async () => {
    const client = await edge.client();
    client.write(
      lines('POST /api/v1/projects HTTP/1.1', HOST, bearer, JSON_TYPE, 'Expect: 100-continue', 'Content-Length: 2'),
    );
    expect((await client.mustReply()).status).toBe(100);
    expect(edge.origin.seen).toEqual([]);
    client.write('{}');
    expect((await client.mustReply()).status).toBe(200);
    expect([names(only()).includes('expect'), only().body.toString()]).toEqual([false, '{}']);
  });

  test('100-continue of a stream goes to the service, and its word back', async () => {
    const client = await edge.client();
    edge.origin.onHead = ({ fields }, { socket }) => {
      const expects = fields.filter(([name]) => name.toLowerCase() === 'expect').map(([, value]) => value);
      expect(expects).toEqual(['100-continue']);
      socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    };
    client.write(upload('', bearer, 'Expect: 100-continue').replace('Content-Length: 0', 'Content-Length: 3'));
    expect((await client.mustReply()).status).toBe(100);
    client.write('abc');
    expect((await client.mustReply()).status).toBe(200);
    expect(only().body.toString()).toBe('abc');
  });

  test('a service may refuse a stream before it comes', async () => {
    const client = await edge.client();
    edge.origin.onHead = (_head, { socket }) => {
      socket.write(reply(413, ['Content-Type: text/plain'], 'no'));
    };
    client.write(upload('', bearer, 'Expect: 100-continue').replace('Content-Length: 0', 'Content-Length: 300'));
    const answer = await client.mustReply();
    expect([answer.status, answer.errorCode]).toEqual([413, 'payload_too_large']);
    edge.origin.onHead = () => undefined;
  });

  test('a client of HTTP/1.0 is told nothing in between', async () => {
    edge.origin.script = (_request, { socket }) => {
      socket.write(lines('HTTP/1.1 102 Processing') + lines('HTTP/1.1 103 Early Hints', 'Link: </a.css>; rel=preload'));
      return reply(200, ['Content-Type: application/json'], '{}');
    };
    const client = await edge.client();
    const head = ['POST /api/v1/projects HTTP/1.0', bearer, JSON_TYPE, 'Expect: 100-continue', 'Content-Length: 2'];
    client.write(`${lines(...head)}{}`);
    expect((await client.replies()).map(({ status }) => status)).toEqual([200]);
  });

  test('any other expectation is refused here', async () => {
    const answer = await edge.ask(get(bearer, 'Expect: a-miracle'));
    expect([answer.status, answer.errorCode]).toEqual([417, 'expectation_failed']);
    expect(edge.origin.seen).toEqual([]);
  });
});

describe('an answer', () => {
  const OK = 'HTTP/1.1 200 Fine';

  test('loses the fields of its connection and those that are of the edge', async () => {
    const fields = [
      ...[
        'Connection: X-One',
        'connection: x-TWO, keep-alive',
        'X-One: 1',
        'X-Two: 2',
        'X-Three: 3',
        'Keep-Alive: timeout=1',
      ],
      ...[
        'Proxy-Authenticate: Basic',
        'Proxy-Connection: close',
        'Proxy-Status: secret',
        'Upgrade: h2c',
        'Via: 1.1 secret',
      ],
      ...['Server: secret', 'X-Powered-By: secret', 'X-Nexus-Error: secret', 'X-Request-Id: secret', 'TE: trailers'],
      ...['RateLimit-Limit: 7', 'Access-Control-Allow-Origin: *', 'X-Content-Type-Options: secret', 'Set-Cookie: a=1'],
      ...['Set-Cookie: b=2', 'ETag: "x"', 'Vary: Accept', 'vary: Origin', 'Date: Mon, 01 Jan 2001 00:00:00 GMT'],
    ];
    edge.origin.script = () => reply(200, fields, 'ok');
    const answer = await edge.ask(get(bearer));
    expect(JSON.stringify(answer.fields)).not.toContain('secret');
    const gone = ['x-one', 'x-two', 'upgrade', 'via', 'te', 'access-control-allow-origin', 'transfer-encoding'];
    expect(answer.names.filter((name) => gone.includes(name) || name.startsWith('proxy-'))).toEqual([]);
    expect(answer.all('set-cookie')).toEqual(['a=1', 'b=2']);
    expect(answer.all('vary').join(', ')).toBe('Accept, Origin');
    expect([answer.field('x-three'), answer.field('etag')]).toEqual(['3', '"x"']);
    expect(answer.field('date')).toBe('Mon, 01 Jan 2001 00:00:00 GMT');
    expect(answer.field('ratelimit-limit')).toBe('1000000000');
    expect(answer.field('x-request-id')).toBe(only().field('x-request-id'));
    expect(answer.field('connection')).toBe('keep-alive');
    expect(answer.text).toBe('ok');
  });

  test('cannot have the fields of the edge removed', async () => {
    edge.origin.script = () =>
      reply(200, ['Connection: x-request-id, content-length, ratelimit-limit, date, close'], 'ok');
    const answer = await edge.ask(get(bearer));
    for (const name of ['x-request-id', 'ratelimit-limit', 'date', 'content-length'])
      expect(answer.field(name)).toBeTruthy();
    expect(answer.text).toBe('ok');
  });

  test('has one of each field that comes once', async () => {
    const twice = [
      'Content-Type: text/plain',
      'Content-Type: text/html',
      'Location: /a',
      'Location: /b',
      'ETag: "a"',
      'ETag: "b"',
    ];
    edge.origin.script = () => reply(200, twice, 'ok');
    const answer = await edge.ask(get(bearer));
    expect(['content-type', 'location', 'etag'].map((name) => answer.field(name))).toEqual(['text/plain', '/a', '"a"']);
  });

  test.each([
    [204, ['Content-Length: 5'], undefined],
    [204, [], undefined],
    [304, ['ETag: "a"', 'Content-Length: 700'], '700'],
  ])('%i has no body (%j)', async (status, fields, length) => {
    edge.origin.script = () => lines(`HTTP/1.1 ${status} None`, ...fields);
    const client = await edge.client();
    client.write(get(bearer));
    const answer = await client.mustReply();
    expect([answer.status, answer.field('content-length'), answer.field('transfer-encoding')]).toEqual([
      status,
      length,
      undefined,
    ]);
    edge.origin.script = () => reply(200, [], 'next');
    client.write(get(bearer));
    expect((await client.mustReply()).text).toBe('next');
  });

  test.each([
    'Content-Length: 1234',
    'Transfer-Encoding: chunked',
    'X-Nothing: 1',
  ])('to HEAD has no body (%s)', async (field) => {
    edge.origin.script = () => lines(OK, field, 'ETag: "a"', 'Trailer: X-A');
    const client = await edge.client();
    client.write(lines('HEAD /api/v1/projects HTTP/1.1', HOST, bearer));
    const answer = await client.mustReply(true);
    expect([answer.status, answer.field('etag')]).toEqual([200, '"a"']);
    if (field.startsWith('Content-Length')) expect(answer.field('content-length')).toBe('1234');
    edge.origin.script = () => reply(200, [], 'next');
    client.write(get(bearer));
    expect((await client.mustReply()).text).toBe('next');
    expect(edge.origin.seen[0]?.method).toBe('HEAD');
  });

  test('102 and 103 pass before it, with the links alone', async () => {
    edge.origin.script = (_request, { socket }) => {
      const hints = ['Link: </a.css>; rel=preload', 'Set-Cookie: a=1', 'X-Nexus-Error: x'];
      socket.write(lines('HTTP/1.1 102 Processing') + lines('HTTP/1.1 103 Early Hints', ...hints));
      return reply(200, [], 'ok');
    };
    const client = await edge.client();
    client.write(get(bearer));
    const answers = [await client.mustReply(), await client.mustReply(), await client.mustReply()];
    expect(answers.map(({ status }) => status)).toEqual([102, 103, 200]);
    expect(answers[1]?.fields).toEqual([['Link', '</a.css>; rel=preload']]);
  });

  test('a hint that is none is left out', async () => {
    edge.origin.script = () =>
      lines('HTTP/1.1 103 Early Hints', 'Link: nonsense') + reply(200, [], 'ok').toString('latin1');
    const client = await edge.client();
    client.write(get(bearer));
    expect((await client.mustReply()).status).toBe(200);
  });
});

describe('trailers', () => {
  const trailers = [
    'X-Sum: 1',
    'X-Sum: 2',
    'X-Nexus-Error: evil',
    'Set-Cookie: evil',
    'Host: evil',
    'Authorization: evil',
  ];
  trailers.push(
    'Content-Type: evil',
    'Cache-Control: evil',
    'Connection: evil',
    'Via: evil',
    'Access-Control-Allow-Origin: evil',
  );
  const chunked = (head: string[]) =>
    `${lines('HTTP/1.1 200 Fine', ...head, 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n${lines(...trailers)}`;

  test.each([
    ['announced', ['Trailer: X-Sum']],
    ['not announced', []],
  ])('pass to those who asked for them, without the forbidden ones: %s', async (_name, head) => {
    edge.origin.script = () => chunked(head);
    const answer = await edge.ask(download(bearer, 'TE: trailers', 'Connection: TE'));
    expect(answer.message.trailers).toEqual([
      ['x-sum', '1'],
      ['x-sum', '2'],
    ]);
    expect(answer.text).toBe('abc');
  });

  test.each([
    ['nobody asked', lines(`GET /api/v1/files/${ID}/content HTTP/1.1`, HOST)],
    ['another coding was asked for', lines(`GET /api/v1/files/${ID}/content HTTP/1.1`, HOST, 'TE: gzip')],
    ['the client speaks HTTP/1.0', lines(`GET /api/v1/files/${ID}/content HTTP/1.0`, HOST, 'TE: trailers')],
  ])('are dropped when %s', async (_name, head) => {
    edge.origin.script = () => chunked(['Trailer: X-Sum']);
    const answer = await edge.ask(head.replace(/\r\n\r\n$/, `\r\n${bearer}\r\n\r\n`));
    expect([answer.status, answer.text, answer.message.trailers]).toEqual([200, 'abc', []]);
    expect(answer.names).not.toContain('trailer');
  });

  test('of a request go nowhere', async () => {
    const head = [
      'POST /api/v1/projects HTTP/1.1',
      HOST,
      bearer,
      JSON_TYPE,
      'Transfer-Encoding: chunked',
      'Trailer: X-A',
    ];
    const seen = await seenFor(`${lines(...head)}2\r\n{}\r\n0\r\nX-A: evil\r\nX-Nexus-Actor: evil\r\n\r\n`);
    expect([seen.trailers, seen.body.toString(), JSON.stringify(seen.fields).includes('evil')]).toEqual([
      [],
      '{}',
      false,
    ]);
  });
});
