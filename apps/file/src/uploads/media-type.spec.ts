import { detectType, keptContentType, parseMediaType } from './media-type.js';

describe('parseMediaType', () => {
  it.each([
    ['text/plain', 'text/plain', {}],
    [' Text/HTML ; Charset="utf-8" ; a=b;', 'text/html', { charset: 'utf-8', a: 'b' }],
    ['multipart/form-data; boundary="a;b\\"c"', 'multipart/form-data', { boundary: 'a;b"c' }],
    ['a/b;x=1;x=2', 'a/b', { x: '1' }],
  ])('reads %s', (text, type, parameters) => {
    const media = parseMediaType(text);
    expect(media?.type).toBe(type);
    expect(Object.fromEntries(media?.parameters ?? [])).toEqual(parameters);
  });

  it.each([
    undefined,
    '',
    'text',
    'text/',
    '/plain',
    'text/plain x',
    'text/plain; x',
    'text/plain; x="open',
    'te\nxt/plain',
    `a/${'b'.repeat(600)}`,
  ])('does not read %p', (text) => {
    expect(parseMediaType(text)).toBeUndefined();
  });
});

describe('detectType', () => {
  it.each([
    ['image/png', '89504e470d0a1a0a0000000d'],
    ['image/jpeg', 'ffd8ffe000104a464946'],
    ['image/gif', Buffer.from('GIF89a....').toString('hex')],
    ['image/webp', Buffer.from('RIFF....WEBPVP8 ').toString('hex')],
    ['audio/wav', Buffer.from('RIFF....WAVEfmt ').toString('hex')],
    ['image/avif', Buffer.from('\0\0\0\x1cftypavif').toString('hex')],
    ['video/mp4', Buffer.from('\0\0\0\x18ftypmp42').toString('hex')],
    ['application/pdf', Buffer.from('%PDF-1.7').toString('hex')],
    ['application/zip', '504b03041400'],
    [undefined, Buffer.from('XXXX....WEBP').toString('hex')],
    [undefined, Buffer.from('<html><script>').toString('hex')],
    [undefined, ''],
  ])('finds %s', (type, bytes) => {
    expect(detectType(Buffer.from(bytes, 'hex'))).toBe(type);
  });
});

describe('keptContentType', () => {
  it.each([
    ['image/png', undefined, 'image/png'],
    ['text/plain; charset=UTF-8; x=y', undefined, 'text/plain; charset=utf-8'],
    ['text/plain; charset="\\"evil"', undefined, 'text/plain'],
    [undefined, 'image/png', 'image/png'],
    ['application/octet-stream', 'image/png', 'image/png'],
    ['nonsense', undefined, 'application/octet-stream'],
    ['multipart/mixed; boundary=x', undefined, 'application/octet-stream'],
    ['text/html\r\nX: y', undefined, 'application/octet-stream'],
  ])('of %p that looks like %s is %s', (declared, detected, expected) => {
    expect(keptContentType(declared, detected)).toBe(expected);
  });
});
