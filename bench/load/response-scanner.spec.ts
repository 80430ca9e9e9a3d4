import { FramingError, ResponseScanner } from './response-scanner.ts';

const FIXED =
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 11\r\nX-C: content-length: 3\r\n\r\n{"a":"\r\n\r"}';
const CHUNKED =
  'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Trailer: yes\r\n\r\n';
const EMPTY = 'HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n';
const ZERO = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n';
const INTERIM = `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${ZERO}`;

/** Feeds through one buffer that is reused and dirty behind the chunk, as the load generator does. */
function feedInParts(scanner: ResponseScanner, text: string, sizes: number[]): boolean[] {
  const shared = Buffer.alloc(text.length + 200, '\r\n\r\nHTTP/1.1 500 X\r\nContent-Length: 1\r\n');
  const source = Buffer.from(text, 'latin1');
  let at = 0;
  return sizes.map((size) => {
    source.copy(shared, 0, at, at + size);
    at += size;
    return scanner.feed(shared, size);
  });
}

describe('ResponseScanner', () => {
  it.each([
    ['Content-Length', FIXED, 200],
    ['chunked with extension and trailer', CHUNKED, 201],
    ['204', EMPTY, 204],
    ['an empty body', ZERO, 404],
    ['an interim response', INTERIM, 404],
  ])('finds the end of %s wherever the bytes are cut', (_name, text, status) => {
    for (let cut = 1; cut < text.length; cut += 1) {
      const scanner = new ResponseScanner();
      expect(feedInParts(scanner, text, [cut, text.length - cut])).toEqual([false, true]);
      expect(scanner.status).toBe(status);
      expect(scanner.inProgress).toBe(false);
    }
    const byByte = feedInParts(
      new ResponseScanner(),
      text,
      Array.from({ length: text.length }, () => 1),
    );
    expect(byByte.indexOf(true)).toBe(text.length - 1);
  });

  it('serves one response after another', () => {
    const scanner = new ResponseScanner();
    for (const text of [FIXED, CHUNKED, EMPTY, FIXED])
      expect(feedInParts(scanner, text, [text.length])).toEqual([true]);
  });

  it('tells when the server closes the connection', () => {
    const scanner = new ResponseScanner();
    feedInParts(scanner, EMPTY, [EMPTY.length]);
    expect(scanner.closing).toBe(true);
    feedInParts(scanner, ZERO, [ZERO.length]);
    expect(scanner.closing).toBe(false);
  });

  it('looks for the expected text in the head alone', () => {
    const inHead = new ResponseScanner('application/json');
    feedInParts(inHead, FIXED, [30, FIXED.length - 30]);
    expect(inHead.headMatches).toBe(true);
    const inBody = new ResponseScanner('hello');
    feedInParts(inBody, CHUNKED, [CHUNKED.length]);
    expect(inBody.headMatches).toBe(false);
  });

  it.each([
    ['bytes after the end', `${ZERO}H`],
    ['another protocol', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a body without a length', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['a malformed length', 'HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n'],
    ['another transfer coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    ['a malformed chunk size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
    ['an endless head', `HTTP/1.1 200 OK\r\n${'x'.repeat(70_000)}`],
    ['an endless chunk line', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(70_000)}`],
  ])('refuses %s', (_name, text) => {
    expect(() => feedInParts(new ResponseScanner(), text, [text.length])).toThrow(FramingError);
  });
});
