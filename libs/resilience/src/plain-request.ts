import { remembered } from '@nexus/kernel';
import type { Dispatcher } from 'undici';

/** A request as the bytes that are sent for it. */
export interface PlainRequest {
  /** Up to the empty line and with it, a byte for each character. */
  readonly head: string;
  readonly body: Buffer | undefined;
  /** Whether it is HEAD, whose answer has no body. */
  readonly toHead: boolean;
  /** Whether its connection ends with it. */
  readonly closes: boolean;
}

/** Methods, and whether they have a length although there is no body (RFC 9110 section 8.6). */
const METHODS = new Map([
  ['GET', false],
  ['HEAD', false],
  ['OPTIONS', false],
  ['DELETE', false],
  ['POST', true],
  ['PUT', true],
  ['PATCH', true],
]);

/** As undici has it: no blanks and no control characters. */
const NOT_IN_PATH = /[^\x21-\xff]/;
/** RFC 9110 section 5.5; with it no value ends its line. */
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

const PLAIN = 0;
const HOST = 1;
const UNUSUAL = 2;
/** Fields of the connection and the framing are undici's to accept or refuse. */
const KINDS = new Map([
  ['host', HOST],
  ...['connection', 'keep-alive', 'upgrade', 'transfer-encoding', 'content-length', 'expect'].map(
    (name): [string, number] => [name, UNUSUAL],
  ),
]);

const kindOf = remembered((name) => (TOKEN.test(name) ? (KINDS.get(name.toLowerCase()) ?? PLAIN) : UNUSUAL), {
  entries: 512,
  length: 64,
});

function isUnusual(options: Dispatcher.DispatchOptions): boolean {
  const { path, query, upgrade } = options;
  return (
    typeof path !== 'string' ||
    !path.startsWith('/') ||
    NOT_IN_PATH.test(path) ||
    query != null ||
    Boolean(upgrade) ||
    'expectContinue' in options ||
    'typeOfService' in options ||
    'throwOnError' in options
  );
}

/** @returns undefined for a body that is no bytes, null for none */
function bytesOf(body: unknown): Buffer | null | undefined {
  if (body === undefined || body === null || body === '') return null;
  if (typeof body === 'string') return Buffer.from(body);
  if (!(body instanceof Uint8Array)) return undefined;
  if (body.length === 0) return null;
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** Names and values in turn; undefined for what is neither a list of them nor a record. */
function inTurn(headers: Dispatcher.DispatchOptions['headers']): readonly unknown[] | undefined {
  if (Array.isArray(headers)) return headers.length % 2 === 0 ? headers : undefined;
  if (headers === undefined || headers === null) return [];
  return Symbol.iterator in headers ? undefined : Object.entries(headers).flat(1);
}

/** @returns the lines of the fields, undefined where one is not plain */
function linesOf(fields: readonly unknown[], hostLine: string): string | undefined {
  let lines = '';
  let host = hostLine;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at];
    const value = fields[at + 1];
    if (typeof name !== 'string' || typeof value !== 'string' || NOT_IN_VALUE.test(value)) return undefined;
    const kind = kindOf(name);
    if (kind === PLAIN) lines += `${name}: ${value}\r\n`;
    else if (kind === HOST && host === hostLine) host = `host: ${value}\r\n`;
    else return undefined;
  }
  return host + lines;
}

/**
 * A request in bytes, if it is a plain one: a known method, a body that is there or none, and fields that are text, none
 * of which is of the connection or its framing. Nothing in it can end a line before its end.
 *
 * @param hostLine the `Host` field with its CRLF, for a request that has none
 * @returns undefined for any other, valid or not
 */
export function plainRequest(options: Dispatcher.DispatchOptions, hostLine: string): PlainRequest | undefined {
  const { method, path, reset } = options;
  const hasLength = METHODS.get(method);
  if (hasLength === undefined || isUnusual(options)) return undefined;
  const body = bytesOf(options.body);
  const fields = inTurn(options.headers);
  const lines = fields && linesOf(fields, hostLine);
  if (body === undefined || lines === undefined) return undefined;
  const closes = reset === true;
  let head = `${method} ${path} HTTP/1.1\r\nconnection: ${closes ? 'close' : 'keep-alive'}\r\n${lines}`;
  if (body !== null) head += `content-length: ${body.length}\r\n\r\n`;
  else head += hasLength ? 'content-length: 0\r\n\r\n' : '\r\n';
  return { head, body: body ?? undefined, toHead: method === 'HEAD', closes };
}
