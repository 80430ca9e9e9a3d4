import { randomWord } from './chance.js';
import type { CallOptions } from './client.js';

/** One part of a form (RFC 7578). */
export interface Part {
  readonly name: string;
  readonly content: string | Buffer;
  readonly filename?: string;
  readonly type?: string;
  /** Further header lines of the part. */
  readonly headers?: readonly string[];
}

/** What a browser does to the name of a file (https://html.spec.whatwg.org/#multipart-form-data). */
function escapeName(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** Everything of a part before its content. */
export function partHead(boundary: string, { name, filename, type, headers = [] }: Omit<Part, 'content'>): Buffer {
  const file = filename === undefined ? '' : `; filename="${escapeName(filename)}"`;
  const lines = [
    `--${boundary}`,
    `Content-Disposition: form-data; name="${escapeName(name)}"${file}`,
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    ...headers,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'utf8');
}

export function formEnd(boundary: string): Buffer {
  return Buffer.from(`--${boundary}--\r\n`);
}

export interface Form {
  readonly body: Buffer;
  readonly contentType: string;
}

export function formOf(...parts: readonly Part[]): Form {
  const boundary = `----form${randomWord()}`;
  const pieces = parts.flatMap((part) => [
    partHead(boundary, part),
    typeof part.content === 'string' ? Buffer.from(part.content) : part.content,
    Buffer.from('\r\n'),
  ]);
  return {
    body: Buffer.concat([...pieces, formEnd(boundary)]),
    contentType: `multipart/form-data; boundary=${boundary}`,
  };
}

/** A form as a call sends it. */
export function asCall({ body, contentType }: Form, headers: Readonly<Record<string, string>> = {}): CallOptions {
  return { body, headers: { 'content-type': contentType, ...headers } };
}
