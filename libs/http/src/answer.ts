import type { IncomingMessage } from 'node:http';
import { keepNotFound } from '@nexus/caching';
import { type AppError, atEndOfTurn } from '@nexus/kernel';
import type { Exchange } from './exchange.js';
import { lingerOnClose } from './lingering-close.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Statuses that have no body (RFC 9110 §6.4.1). */
function bodiless(status: number): boolean {
  return status === 204 || status === 304 || (status >= 100 && status < 200);
}

/** Node reads a refused body to its end before the next request of the connection; so much of it is worth that. */
const MAX_UNREAD_BYTES = 64 * 1024;

/**
 * Whether more of a request is to come. Node tells of a request before it says that it is complete, also of one without a
 * body.
 */
export function isUnderWay({ complete, headers }: IncomingMessage): boolean {
  return !complete && (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined);
}

function leavesMuchUnread({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false;
  if (headers['transfer-encoding'] !== undefined) return true;
  return Number(headers['content-length'] ?? 0) > MAX_UNREAD_BYTES;
}

/** Every header of an answer in writing order; used for answers that are not JSON, too. */
export function commonHeaders(exchange: Exchange): string[] {
  const { defaults, request } = exchange;
  const headers = [...defaults.headers, 'X-Request-Id', exchange.id, ...exchange.headers];
  if (defaults.late) headers.push(...defaults.late(request));
  if (exchange.close || defaults.closing) {
    headers.push('Connection', 'close');
    if (!request.complete) lingerOnClose(request);
  }
  return headers;
}

/**
 * Lets an answer whose head is made leave as a whole: with all others of this turn of the event loop, see
 * {@link atEndOfTurn}. A refusal, what comes before the end of its request, and the last answer of a connection leave at
 * once: what is still to happen to that connection in this turn must find them gone.
 *
 * @param body absent for none
 * @param encoding of a text
 */
export function endAnswer(exchange: Exchange, body?: Buffer | string, encoding: BufferEncoding = 'utf8'): void {
  const { response, request, defaults } = exchange;
  const end = () => void (body === undefined ? response.end() : response.end(body, encoding));
  if (response.statusCode >= 400 || exchange.close || defaults.closing || isUnderWay(request)) end();
  else atEndOfTurn(end);
}

/**
 * Writes a whole answer. The only place that does, so that every answer carries the same headers whatever layer
 * gave it. Does nothing when an answer is already under way.
 *
 * @param extra header names and values in turn
 */
export function writeAnswer(
  exchange: Exchange,
  status: number,
  body: Buffer | string | undefined,
  extra: readonly string[] = [],
  contentType: string = JSON_TYPE,
): void {
  const { response, request } = exchange;
  if (response.headersSent || response.destroyed) return;
  if (status >= 400 && leavesMuchUnread(request)) exchange.close = true;
  const headers = commonHeaders(exchange);
  for (const part of extra) headers.push(part);
  if (body === undefined || bodiless(status)) {
    if (status !== 204 && status !== 304) headers.push('Content-Length', '0');
    response.writeHead(status, headers);
    endAnswer(exchange);
    return;
  }
  headers.push('Content-Type', contentType, 'Content-Length', String(Buffer.byteLength(body)));
  response.writeHead(status, headers);
  endAnswer(exchange, request.method === 'HEAD' ? undefined : body);
}

/** The body of an error answer, in the one format. */
export function errorBody(error: AppError, requestId: string): string {
  return JSON.stringify({
    success: false,
    error: error.message,
    error_code: error.status,
    request_id: requestId,
    details: error.details,
  });
}

/** Answers with an error, in the one format. */
export function writeError(exchange: Exchange, error: AppError): void {
  if (error.status >= 500 && exchange.fallback?.()) return;
  exchange.errorCode = error.details[0]?.code ?? error.code;
  const extra: string[] = ['Cache-Control', 'no-store'];
  for (const [name, value] of Object.entries(error.headers)) extra.push(name, value);
  const body = errorBody(error, exchange.id);
  if (error.status === 404 && exchange.fill) keepNotFound(exchange.fill, body, exchange.id);
  writeAnswer(exchange, error.status, body, extra);
}
