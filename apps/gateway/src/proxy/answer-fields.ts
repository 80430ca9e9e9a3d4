import type { IncomingHttpHeaders } from 'node:http';
import { errors, remembered } from '@nexus/kernel';
import { connectionNames, KNOWN_NAMES } from './request-fields.js';

/**
 * Fields of the connection to the service, and those that every answer of the edge carries by itself. `Via` is left out
 * of answers, as a gateway may (RFC 9110 §7.6.3): one process or six, clients see the same.
 */
const NOT_PASSED = new Set([
  ...['connection', 'keep-alive', 'upgrade', 'te', 'trailer', 'transfer-encoding', 'via', 'server', 'x-powered-by'],
  ...['x-request-id', 'x-content-type-options', 'referrer-policy', 'strict-transport-security'],
  ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
]);
const OWN_PREFIXES = ['x-nexus-', 'access-control-', 'proxy-'];
/** Where a second one would let two readers see two answers: the first counts, as for a request (Node's `http`). */
const SINGLE = new Set([
  ...['age', 'content-disposition', 'content-location', 'content-range', 'content-type', 'date', 'etag', 'expires'],
  ...['last-modified', 'location', 'retry-after'],
]);
/** Fields of an answer, its own and those of the edge; what a request may have (Node's `maxHeadersCount`), and room. */
const MAX_FIELDS = 128;
/** Fields that a trailer must not hold (RFC 9110 §6.5.1): framing, routing, authentication, content. */
const NOT_IN_TRAILERS = new Set([
  ...['content-length', 'content-type', 'content-encoding', 'content-range', 'host', 'authorization', 'set-cookie'],
  ...[
    'cache-control',
    'expect',
    'max-forwards',
    'pragma',
    'range',
    'age',
    'date',
    'expires',
    'location',
    'retry-after',
  ],
  ...['vary', 'warning', 'www-authenticate', 'trailer'],
]);

function isOwnName(name: string): boolean {
  if (NOT_PASSED.has(name)) return true;
  for (const prefix of OWN_PREFIXES) if (name.startsWith(prefix)) return true;
  return false;
}

const isOwn = remembered(isOwnName, KNOWN_NAMES);

/** Whether an answer can be told from the next one for sure (RFC 9112 §6.1): `chunked` alone or no coding at all. */
export function isFramed(headers: IncomingHttpHeaders): boolean {
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) return coding === 'chunked' && headers['content-length'] === undefined;
  const length = headers['content-length'] as string | string[] | undefined;
  return length === undefined || (typeof length === 'string' && /^\d{1,15}$/.test(length));
}

/**
 * Adds to an answer's fields what a service sent and a client may have, names and values in turn.
 * @param withLength whether `content-length` goes with them; else it is written by whoever writes the body
 * @throws AppError `bad_gateway` for too many
 */
export function answerFields(headers: IncomingHttpHeaders, fields: string[], withLength: boolean): void {
  const named = connectionNames(headers.connection);
  for (const name in headers) {
    if (isOwn(name) || named?.has(name) || (!withLength && name === 'content-length')) continue;
    const value = headers[name];
    if (typeof value === 'string') fields.push(name, value);
    else if (value && SINGLE.has(name)) fields.push(name, value[0] as string);
    else if (value) for (const one of value) fields.push(name, one);
  }
  if (fields.length > MAX_FIELDS * 2) throw errors.bad_gateway();
}

/** The trailers that may go on: none where there are too many. */
export function trailerFields(trailers: IncomingHttpHeaders): [string, string][] {
  const passed: [string, string][] = [];
  for (const name in trailers) {
    if (isOwn(name) || NOT_IN_TRAILERS.has(name)) continue;
    const value = trailers[name];
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) passed.push([name, one]);
  }
  return passed.length > MAX_FIELDS ? [] : passed;
}
