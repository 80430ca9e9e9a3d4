import { parse } from 'content-disposition';
import fc from 'fast-check';
import { fileName } from '../files/file-name.js';
import { contentHeaders, layOutRanges, type ServedFile } from './content-answer.js';

const file: ServedFile = {
  name: 'a.png',
  content_type: 'image/png',
  detected_type: 'image/png',
  sha256: 'f'.repeat(64),
  created_at: new Date('2026-01-31T12:00:00.500Z'),
};

function header(of: ServedFile, name: string): string | undefined {
  const all = contentHeaders(of);
  return all[all.indexOf(name) + 1];
}

describe('contentHeaders', () => {
  it('lets nothing run', () => {
    expect(header(file, 'Content-Security-Policy')).toBe("sandbox; default-src 'none'");
    expect(header(file, 'X-Content-Type-Options')).toBe('nosniff');
    expect(header(file, 'ETag')).toBe(`"${'f'.repeat(64)}"`);
    expect(header(file, 'Last-Modified')).toBe('Sat, 31 Jan 2026 12:00:00 GMT');
  });

  it.each([
    ['image/png', 'image/png', 'inline'],
    ['image/png', 'image/jpeg', 'attachment'],
    ['image/png', null, 'attachment'],
    ['image/svg+xml', null, 'attachment'],
    ['text/html', null, 'attachment'],
    ['text/html; charset=utf-8', null, 'attachment'],
    ['application/pdf', 'application/pdf', 'attachment'],
    ['text/plain', null, 'inline'],
    ['text/plain; charset=utf-8', null, 'inline'],
    ['application/octet-stream', null, 'attachment'],
  ])('offers %s that is %s as %s', (content_type, detected_type, expected) => {
    expect(parse(header({ ...file, content_type, detected_type }, 'Content-Disposition') as string).type).toBe(
      expected,
    );
  });

  it('carries any name a file can have, whole and on one line', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .map((text) => fileName.safeParse(text))
      .filter((parsed) => parsed.success)
      .map((parsed) => parsed.data as string);
    fc.assert(
      fc.property(name, (text) => {
        const line = header({ ...file, name: text }, 'Content-Disposition') as string;
        expect(line).toMatch(/^[\x20-\x7e]+$/);
        expect(parse(line).parameters.filename).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe('layOutRanges', () => {
  it('promises exactly the bytes it is made of', () => {
    const size = 1000;
    const body = layOutRanges('text/plain', size, [
      { start: 0, end: 9 },
      { start: 990, end: 999 },
    ]);
    const text =
      body.parts.map(({ head, range }) => head + 'x'.repeat(range.end - range.start + 1)).join('') + body.tail;
    expect(Buffer.byteLength(text)).toBe(body.length);
    const boundary = body.contentType.split('boundary=')[1];
    expect(text.startsWith(`--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-9/1000\r\n\r\nx`)).toBe(
      true,
    );
    expect(text.endsWith(`\r\n--${boundary}--\r\n`)).toBe(true);
  });
});
