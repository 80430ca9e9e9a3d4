import { randomBytes } from 'node:crypto';
import { create as contentDisposition } from 'content-disposition';
import type { ByteRange } from './byte-range.js';
import type { Validators } from './preconditions.js';

/** What of a file its download is made of. */
export interface ServedFile {
  readonly name: string;
  readonly content_type: string;
  readonly detected_type: string | null;
  readonly sha256: string;
  readonly created_at: Date;
}

/**
 * Types that a browser may show in its window. None of them can carry a script; all but plain text must also be what
 * their first bytes say.
 */
const INLINE = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'audio/mpeg',
  'audio/wav',
  'audio/flac',
  'audio/mp4',
  'video/mp4',
  'video/webm',
]);
const TEXT = 'text/plain';

function mayShow({ content_type, detected_type }: ServedFile): boolean {
  const type = content_type.split(';', 1)[0] as string;
  return type === TEXT || (INLINE.has(type) && detected_type === type);
}

/** The content never changes under its tag: the tag is its sha-256. */
export function validatorsOf(file: ServedFile): Validators {
  return { etag: `"${file.sha256}"`, lastModified: file.created_at };
}

/** Header names and values in turn that belong to the content, whichever part of it is sent (RFC 9110 §15.4.5). */
export function validatorHeaders(file: ServedFile): string[] {
  const { etag, lastModified } = validatorsOf(file);
  return [
    'ETag',
    etag,
    'Last-Modified',
    lastModified.toUTCString(),
    'Cache-Control',
    'private, no-cache',
    'Accept-Ranges',
    'bytes',
  ];
}

/**
 * Headers of a download. Content comes from strangers: nothing in it may run, whatever a browser takes it for.
 */
export function contentHeaders(file: ServedFile): string[] {
  const type = mayShow(file) ? 'inline' : 'attachment';
  return [
    ...validatorHeaders(file),
    'Content-Disposition',
    contentDisposition(file.name, { type }),
    'Content-Security-Policy',
    "sandbox; default-src 'none'",
    'X-Content-Type-Options',
    'nosniff',
  ];
}

/** A `multipart/byteranges` body (RFC 9110 §14.6), laid out before a byte is sent, so that its length is known. */
export interface ByteRangesBody {
  readonly contentType: string;
  readonly length: number;
  readonly parts: readonly { readonly head: string; readonly range: ByteRange }[];
  readonly tail: string;
}

/** @param size of the whole content */
export function layOutRanges(contentType: string, size: number, ranges: readonly ByteRange[]): ByteRangesBody {
  const boundary = randomBytes(18).toString('hex');
  const parts = ranges.map((range, index) => ({
    head:
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${contentType}\r\n` +
      `Content-Range: bytes ${range.start}-${range.end}/${size}\r\n\r\n`,
    range,
  }));
  const tail = `\r\n--${boundary}--\r\n`;
  const length = parts.reduce(
    (sum, { head, range }) => sum + Buffer.byteLength(head) + range.end - range.start + 1,
    tail.length,
  );
  return { contentType: `multipart/byteranges; boundary=${boundary}`, length, parts, tail };
}
