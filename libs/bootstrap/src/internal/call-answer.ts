import type { IncomingMessage, ServerResponse } from 'node:http';
import { wireHeaders } from '@nexus/clients';
import { errorBody, lingerOnClose } from '@nexus/http';
import { type AppError, atEndOfTurn } from '@nexus/kernel';

const FIXED = ['Content-Type', 'application/json; charset=utf-8', 'Cache-Control', 'no-store'];

/** Writes a whole answer, once: does nothing when one is under way or nobody is there. */
function write(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string,
  headers: string[],
  closing: boolean,
): void {
  if (response.headersSent || response.destroyed) return;
  const isLast = closing || !request.complete;
  if (isLast) {
    headers.push('Connection', 'close');
    // Closing on a body that still comes would take the answer with it.
    if (!request.complete) lingerOnClose(request);
  }
  headers.push('Content-Length', String(Buffer.byteLength(body)));
  response.writeHead(status, headers);
  if (isLast) response.end(body);
  else atEndOfTurn(() => response.end(body));
}

/** Answers a call with what its provider gave. */
export function writeData(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  data: unknown,
  closing: boolean,
): void {
  write(request, response, 200, JSON.stringify({ data }), [...FIXED, 'X-Request-Id', requestId], closing);
}

/**
 * Answers with an error, in the one format.
 *
 * @param ofPort whether the port itself says so, and not what stands before it: only then the caller may take it for the
 * answer to its call
 */
export function writeFault(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  error: AppError,
  ofPort: boolean,
  closing: boolean,
): void {
  const headers = [...FIXED, 'X-Request-Id', requestId];
  for (const [name, value] of Object.entries(error.headers)) headers.push(name, value);
  if (ofPort) {
    headers.push(wireHeaders.error, error.code);
    const names = Object.keys(error.headers);
    if (names.length > 0) headers.push(wireHeaders.errorHeaders, names.join(' ').toLowerCase());
  }
  write(request, response, error.status, errorBody(error, requestId), headers, closing);
}
