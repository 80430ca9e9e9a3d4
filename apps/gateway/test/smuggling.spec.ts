import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { echo, meant, nameOf, outcome } from './support/echo.js';
import { type Edge, openEdge } from './support/edge.js';
import { lines } from './support/raw-client.js';
import { get, HOST, ID, JSON_TYPE, post, upload } from './support/sent-requests.js';

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge();
}, 60_000);
afterEach(() => edge.reset());
afterAll(() => edge?.close(), 30_000);

const BODY = '{"name":"a"}';
const P = 'POST /api/v1/projects HTTP/1.1';
const G = 'GET /api/v1/projects HTTP/1.1';
const D = `DELETE /api/v1/projects/${ID} HTTP/1.1`;
const U = 'POST /api/v1/files HTTP/1.1';
/** Stands for the credentials, which are made at run time. */
const A = 'Authorization: @';
const HIDDEN = lines('GET /api/v1/projects?hidden=1 HTTP/1.1', HOST, A);
/** What needs no credentials: a body's length is then known here. */
const INNER = lines('GET /dev/mail/messages HTTP/1.1', HOST);
const LAST = lines('GET /api/v1/files/usage HTTP/1.1', HOST, A);

const hidden = meant('GET', '/api/v1/projects?hidden=1');
const posted = meant('POST', '/api/v1/projects', BODY);
const got = meant('GET', '/api/v1/projects');
const CHUNKED_BODY = `c\r\n${BODY}\r\n0\r\n\r\n`;
const chunkedPost = (body: string, ...fields: string[]) =>
  lines(P, HOST, A, JSON_TYPE, ...fields, 'Transfer-Encoding: chunked') + body;
const withFields = (...fields: string[]) => lines(P, HOST, A, JSON_TYPE, ...fields);

/** The requests that are in the bytes, by the letter; 'refused' where they end with a doubt. */
type Meaning = readonly string[];
const REFUSED: Meaning = ['bad_request'];

const corpus: Record<string, readonly [bytes: string, meaning: Meaning]> = {
  // Two framings, or one that is not the plain one.
  'a length and chunks': [`${withFields('Content-Length: 12', 'Transfer-Encoding: chunked')}0\r\n\r\n`, REFUSED],
  'chunks and a length': [`${withFields('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`, REFUSED],
  'a length of nothing and chunks': [
    withFields('Content-Length: 0', 'Transfer-Encoding: chunked') + CHUNKED_BODY,
    REFUSED,
  ],
  'gzip, then chunks': [`${withFields('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`, REFUSED],
  'chunks, then gzip': [`${withFields('Transfer-Encoding: chunked, gzip')}0\r\n\r\n`, REFUSED],
  'chunks twice in a line': [`${withFields('Transfer-Encoding: chunked, chunked')}0\r\n\r\n`, REFUSED],
  'chunks twice': [`${withFields('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`, REFUSED],
  'chunks and identity': [
    `${withFields('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n`,
    REFUSED,
  ],
  'identity and a length': [withFields('Transfer-Encoding: identity', 'Content-Length: 12') + BODY, REFUSED],
  'no coding and a length': [withFields('Transfer-Encoding:', 'Content-Length: 12') + BODY, REFUSED],
  'a coding of another case': [withFields('Transfer-Encoding: Chunked') + CHUNKED_BODY, REFUSED],
  'a coding with a tab': [withFields('Transfer-Encoding: chunked\t') + CHUNKED_BODY, REFUSED],
  'a coding after a tab': [withFields('Transfer-Encoding:\tchunked', 'Content-Length: 12') + BODY, REFUSED],
  'a coding after a vertical tab': [withFields('Transfer-Encoding: \u000bchunked') + CHUNKED_BODY, REFUSED],
  'a coding with a parameter': [withFields('Transfer-Encoding: chunked;q=1') + CHUNKED_BODY, REFUSED],
  'a coding in quotes': [withFields('Transfer-Encoding: "chunked"') + CHUNKED_BODY, REFUSED],
  'a coding nobody knows': [withFields('Transfer-Encoding: xchunked') + CHUNKED_BODY, REFUSED],
  'a coding with a bad byte': [withFields('Transfer-Encoding: chunk\u00e9d') + CHUNKED_BODY, REFUSED],
  'a coding before the colon’s blank': [
    withFields('Transfer-Encoding : chunked', 'Content-Length: 12') + BODY,
    REFUSED,
  ],
  'a folded coding': [withFields('Transfer-Encoding:', ' chunked', 'Content-Length: 12') + BODY, REFUSED],
  'a coding in a folded field': [
    withFields('X-A: b', ' Transfer-Encoding: chunked', 'Content-Length: 12') + BODY,
    REFUSED,
  ],
  'a coding after a bare LF': [withFields('X-A: b\nTransfer-Encoding: chunked', 'Content-Length: 12') + BODY, REFUSED],
  'a coding after a bare CR': [withFields('X-A: b\rTransfer-Encoding: chunked', 'Content-Length: 12') + BODY, REFUSED],
  'chunks of HTTP/1.0': [
    lines(
      'POST /api/v1/projects HTTP/1.0',
      HOST,
      A,
      JSON_TYPE,
      'Connection: keep-alive',
      'Transfer-Encoding: chunked',
    ) + CHUNKED_BODY,
    REFUSED,
  ],
  'an underscore for the dash': [
    withFields('Transfer_Encoding: chunked', 'Content-Length: 12') + BODY,
    [posted, hidden],
  ],
  // Lengths.
  'two lengths': [withFields('Content-Length: 12', 'Content-Length: 0') + BODY, REFUSED],
  'the same length twice': [withFields('Content-Length: 12', 'Content-Length: 12') + BODY, REFUSED],
  'a list of lengths': [withFields('Content-Length: 12, 12') + BODY, REFUSED],
  'a length of no digits': [withFields('Content-Length:') + BODY, REFUSED],
  'a length with a plus': [withFields('Content-Length: +12') + BODY, REFUSED],
  'a length with a minus': [withFields('Content-Length: -12') + BODY, REFUSED],
  'a length in hexadecimal': [withFields('Content-Length: 0xc') + BODY, REFUSED],
  'a length with a blank in it': [withFields('Content-Length: 1 2') + BODY, REFUSED],
  'a length with a point': [withFields('Content-Length: 12.0') + BODY, REFUSED],
  'a length that wraps around': [withFields('Content-Length: 18446744073709551628') + BODY, REFUSED],
  'a length with zeros': [withFields('Content-Length: 00012') + BODY, [posted, hidden]],
  'a length among blanks': [withFields('Content-Length: \t12 \t') + BODY, [posted, hidden]],
  'a length that is too short': [
    withFields('Content-Length: 11') + BODY,
    [meant('POST', '/api/v1/projects', BODY.slice(0, 11)), 'bad_request'],
  ],
  'an underscore in the length': [withFields('Content_Length: 0', 'Content-Length: 12') + BODY, [posted, hidden]],
  // Chunks.
  chunks: [chunkedPost(CHUNKED_BODY), [posted, hidden]],
  'chunks with extensions': [chunkedPost(`c;a=b;c="d"\r\n${BODY}\r\n0;x\r\n\r\n`), [posted, hidden]],
  'a chunk extension with a bare LF': [chunkedPost(`c;a\n${BODY}\r\n0\r\n\r\n`), REFUSED],
  'a chunk extension with a bare CR': [chunkedPost(`c;a\rb\r\n${BODY}\r\n0\r\n\r\n`), REFUSED],
  'a chunk size with 0x': [chunkedPost(`0xc\r\n${BODY}\r\n0\r\n\r\n`), REFUSED],
  'a chunk size with a blank': [chunkedPost(`c \r\n${BODY}\r\n0\r\n\r\n`), REFUSED],
  'a chunk size with an underscore': [chunkedPost(`0_c\r\n${BODY}\r\n0\r\n\r\n`), REFUSED],
  'a negative chunk size': [chunkedPost(`-c\r\n${BODY}\r\n0\r\n\r\n`), REFUSED],
  'a chunk size that wraps around': [chunkedPost(`1000000000000000c\r\n${BODY}\r\n0\r\n\r\n`), REFUSED],
  'a chunk that is too long': [chunkedPost(`c\r\n${BODY}XX\r\n0\r\n\r\n`), REFUSED],
  'chunks ended by bare LFs': [chunkedPost(`c\n${BODY}\n0\n\n`), REFUSED],
  'a last chunk without its end': [chunkedPost(`c\r\n${BODY}\r\n0\r\n`), REFUSED],
  'a trailer that frames anew': [chunkedPost(`c\r\n${BODY}\r\n0\r\nContent-Length: 90\r\n\r\n`), REFUSED],
  'a trailer of the platform': [chunkedPost(`c\r\n${BODY}\r\n0\r\nX-Nexus-Actor: a\r\n\r\n`), [posted, hidden]],
  // Bodies where nobody expects them.
  'a GET with a body': [lines(G, HOST, A, `Content-Length: ${INNER.length}`) + INNER, [got, hidden]],
  'a GET with chunks': [
    `${lines(G, HOST, A, 'Transfer-Encoding: chunked')}${INNER.length.toString(16)}\r\n${INNER}\r\n0\r\n\r\n`,
    [got, hidden],
  ],
  'a DELETE with chunks': [
    lines(D, HOST, A, JSON_TYPE, 'Transfer-Encoding: chunked') + CHUNKED_BODY,
    [meant('DELETE', `/api/v1/projects/${ID}`, BODY), hidden],
  ],
  'a DELETE with empty chunks': [
    `${lines(D, HOST, A, JSON_TYPE, 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    [meant('DELETE', `/api/v1/projects/${ID}`), hidden],
  ],
  'a DELETE with chunks of no type': [
    lines(D, HOST, A, 'Transfer-Encoding: chunked') + CHUNKED_BODY,
    ['unsupported_media_type'],
  ],
  'an OPTIONS with chunks': [
    lines('OPTIONS /api/v1/projects HTTP/1.1', HOST, 'Transfer-Encoding: chunked') + CHUNKED_BODY,
    ['204', hidden],
  ],
  'a refused request with a body': [
    lines('POST /nothing HTTP/1.1', HOST, A, 'Content-Length: 12') + BODY,
    ['not_found', hidden],
  ],
  // Streams, which are not held.
  'an upload with chunks': [
    lines(U, HOST, A, 'Content-Type: text/plain', 'Transfer-Encoding: chunked') + CHUNKED_BODY,
    [meant('POST', '/api/v1/files', BODY), hidden],
  ],
  'an upload with two framings': [
    `${lines(U, HOST, A, 'Content-Length: 12', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    REFUSED,
  ],
  'an upload of two lengths': [lines(U, HOST, A, 'Content-Length: 12', 'Content-Length: 3') + BODY, REFUSED],
  // Start lines.
  'HTTP/0.9': [`GET /api/v1/projects\n${HOST}\r\n${A}\r\n\r\n`, REFUSED],
  'HTTP/0.9 by name': [lines('GET /api/v1/projects HTTP/0.9', HOST, A), REFUSED],
  'HTTP/2.0 by name': [lines('GET /api/v1/projects HTTP/2.0', HOST, A), REFUSED],
  'HTTP/1.2': [lines('GET /api/v1/projects HTTP/1.2', HOST, A), REFUSED],
  'a blank in the target': [lines('GET /api/v1/projects /x HTTP/1.1', HOST, A), REFUSED],
  'a tab for the blank': [lines('GET\t/api/v1/projects\tHTTP/1.1', HOST, A), REFUSED],
  'empty lines before': [`\r\n\r\n${lines(G, HOST, A)}`, [got, hidden]],
  'bare LFs': [lines(G, HOST, A).replaceAll('\r\n', '\n'), REFUSED],
  'a blank before the first field': [lines(G, ` ${HOST}`, HOST, A), REFUSED],
  'a second start line': [lines(G, 'GET /api/v1/projects?hidden=1 HTTP/1.1', HOST, A), REFUSED],
  'NUL in a value': [lines(G, HOST, A, 'X-A: b\0c'), REFUSED],
  'NUL in a name': [lines(G, HOST, A, 'X-\0A: b'), REFUSED],
  'no name': [lines(G, HOST, A, ': b'), REFUSED],
  'no colon': [lines(G, HOST, A, 'X-A'), REFUSED],
};

/** Runs bytes, behind them a request that must not change its meaning, and one that shows whether the connection lives. */
async function run(bytes: string) {
  edge.origin.script = echo;
  const client = await edge.client();
  client.write((bytes + HIDDEN + LAST).replaceAll(A, edge.bearer));
  const result = await outcome(client);
  const seen = edge.origin.seen.map(nameOf).filter((name) => name !== meant('GET', '/api/v1/files/usage'));
  return { ...result, seen };
}

describe('the gateway and the service agree about', () => {
  // A connection to the service that is open already: what is passed on gets there at once.
  beforeAll(async () => {
    expect((await edge.ask(get(edge.bearer))).status).toBe(200);
    edge.reset();
  });

  test.each(Object.entries(corpus))('%s', async (_name, [bytes, meaning]) => {
    const { answers, closed, seen } = await run(bytes);
    expect(answers).toEqual(meaning);
    const isRefused = meaning.at(-1) !== hidden;
    expect(closed).toBe(isRefused);
    // Nothing else than what was answered reached the service, and in that order.
    expect(seen).toEqual(meaning.filter((name) => name.includes(' ')));
    expect([edge.origin.faults, edge.origin.unfinished]).toEqual([[], []]);
  });
});

describe('whatever is done to the bytes of a request', () => {
  const splices = [
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    '\t',
    ':',
    ',',
    ';',
    '0',
    'chunked',
    '\r\n\r\n',
    'Content-Length: 3\r\n',
  ];
  splices.push('Transfer-Encoding: chunked\r\n', 'HTTP/1.1', '/', '\x80', '\xff', 'GET / HTTP/1.1\r\n', '\r\n ');
  const mutation = fc.record({
    request: fc.constantFrom(
      ...[get(A), post(BODY, A), upload(BODY, A), chunkedPost(CHUNKED_BODY), lines(G, HOST, A, 'Connection: close')],
    ),
    edits: fc.array(
      fc.record({ at: fc.nat(300), cut: fc.nat(3), put: fc.oneof(fc.constant(''), fc.constantFrom(...splices)) }),
      { minLength: 1, maxLength: 3 },
    ),
  });

  test('the service sees whole requests that were answered, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(mutation, async ({ request, edits }) => {
        let bytes = request.replace(A, '@');
        for (const { at, cut, put } of edits) {
          const where = at % (bytes.length + 1);
          bytes = bytes.slice(0, where) + put + bytes.slice(where + cut);
        }
        edge.reset();
        edge.origin.script = echo;
        const client = await edge.client();
        client.write(bytes.replace('@', edge.bearer));
        // What is not whole now will never be.
        client.socket.end();
        const { answers } = await outcome(client);
        const seen = edge.origin.seen.map(nameOf);
        expect(edge.origin.faults).toEqual([]);
        expect(answers.length).toBeLessThanOrEqual(3);
        // Answers may be lost with a client that has left; nothing is answered that the service has not seen.
        const echoed = answers.filter((answer) => answer.includes(' '));
        expect(seen.slice(0, echoed.length)).toEqual(echoed);
        for (const name of seen) expect(name).toMatch(/^(GET|HEAD|POST|DELETE) \/api\/v1\/(projects|files)/);
      }),
      { numRuns: 250 },
    );
  }, 60_000);
});
