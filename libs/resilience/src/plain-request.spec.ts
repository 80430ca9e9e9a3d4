import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Dispatcher } from 'undici';
import { plainRequest } from './plain-request.js';

const HOST = 'host: user:8080\r\n';
const of = (options: Partial<Dispatcher.DispatchOptions> = {}) =>
  plainRequest({ method: 'GET', path: '/a?b=c', ...options }, HOST);
const START = 'GET /a?b=c HTTP/1.1\r\nconnection: keep-alive\r\n';

describe('a plain request', () => {
  test('is its head and its body', () => {
    expect(of()).toEqual({ head: `${START}${HOST}\r\n`, body: undefined, toHead: false, closes: false });
    expect(of({ method: 'HEAD' })).toMatchObject({ toHead: true });
    expect(of({ headers: ['x-a', '1', 'X-A', '\xe9 ', 'Host', 'b'] })?.head).toBe(
      `${START}host: b\r\nx-a: 1\r\nX-A: \xe9 \r\n\r\n`,
    );
    expect(of({ headers: { accept: '*/*' } })?.head).toBe(`${START}${HOST}accept: */*\r\n\r\n`);
    expect(of({ reset: true })).toMatchObject({ closes: true, head: expect.stringContaining('connection: close\r\n') });
  });

  test.each([
    ['GET', null, ''],
    ['DELETE', '', ''],
    ['OPTIONS', Buffer.alloc(0), ''],
    ['POST', null, 'content-length: 0\r\n'],
    ['PUT', '', 'content-length: 0\r\n'],
    ['PATCH', new Uint8Array(0), 'content-length: 0\r\n'],
    ['POST', 'h\xe9', 'content-length: 3\r\n'],
    ['DELETE', Buffer.from('abc'), 'content-length: 3\r\n'],
    ['PUT', new Uint8Array([1, 2, 3, 4]).subarray(1), 'content-length: 3\r\n'],
  ] as const)('says how long it is: %s of %j', (method, body, length) => {
    const plain = of({ method, body: body as string });
    expect(plain?.head.endsWith(`${HOST}${length}\r\n`)).toBe(true);
    expect(plain?.body?.length).toBe(length.includes('3') ? 3 : undefined);
  });
});

test.each<[string, Partial<Dispatcher.DispatchOptions>]>([
  ['a stream', { method: 'POST', body: new PassThrough() }],
  ['an upgrade', { upgrade: 'websocket' }],
  ['an unknown method', { method: 'TRACE' }],
  ['CONNECT', { method: 'CONNECT' }],
  ['a method that is none', { method: 'GET / HTTP/1.1\r\nx:' as 'GET' }],
  ['a query', { query: { a: 1 } }],
  ['a whole address', { path: 'http://other/' }],
  ['no path', { path: '' }],
  ['a path with a blank', { path: '/a b' }],
  ['a path with a line', { path: '/a\r\nx: y' }],
  ['a path beyond Latin-1', { path: '/\u0141' }],
  ['two hosts', { headers: ['host', 'a', 'host', 'b'] }],
  ['a field of the connection', { headers: ['Connection', 'close'] }],
  ['another', { headers: ['Keep-Alive', '1'] }],
  ['an upgrade by field', { headers: ['upgrade', 'x'] }],
  ['a coding', { headers: ['Transfer-Encoding', 'chunked'] }],
  ['a length', { headers: { 'content-length': '3' } }],
  ['an expectation', { headers: ['expect', '100-continue'] }],
  ['a value with a line', { headers: ['x', 'a\r\ny: b'] }],
  ['a value with LF', { headers: ['x', 'a\nb'] }],
  ['a value with CR', { headers: ['x', 'a\rb'] }],
  ['a value with NUL', { headers: ['x', '\0'] }],
  ['a value beyond Latin-1', { headers: ['x', '\u010d\u010a'] }],
  ['a host with a line', { headers: ['host', 'a\r\nb: c'] }],
  ['a name with a colon', { headers: ['x: y\r\nz', 'a'] }],
  ['no name', { headers: ['', 'a'] }],
  ['a name without a value', { headers: ['x'] }],
  ['a list of values', { headers: { x: ['a', 'b'] } }],
  ['pairs', { headers: new Map([['x', 'a']]) }],
])('is not %s', (_what, options) => {
  expect(of(options)).toBeUndefined();
});

test('is one request of just those fields, whatever they are', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'aZ-: \t\r\n\0\x7f\xff\u010a'), maxLength: 8 }),
    fc.string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 1, maxLength: 8 }),
    fc.constantFrom('host', 'Host', 'content-length', 'connection', 'x-a'),
  );
  let plain = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), (fields) => {
      const made = of({ headers: fields.flat() });
      if (made === undefined) return;
      plain += 1;
      const [first, ...lines] = made.head.split('\r\n');
      expect(lines.slice(-2)).toEqual(['', '']);
      expect([first, made.head.includes('\0')]).toEqual(['GET /a?b=c HTTP/1.1', false]);
      const got = lines
        .slice(1, -2)
        .map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]);
      const host = fields.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? 'user:8080';
      const others = fields.filter(([name]) => name.toLowerCase() !== 'host');
      expect(got).toEqual([['host', host], ...others]);
      for (const [name, value] of got) expect(`${name}${value}`).toMatch(/^[\t -~\x80-\xff]*$/);
    }),
    { numRuns: 3_000 },
  );
  expect(plain).toBeGreaterThan(300);
});
