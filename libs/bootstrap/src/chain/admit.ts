import type { IncomingMessage } from 'node:http';
import type { Exchange } from '@nexus/http';
import { AppError, errors } from '@nexus/kernel';
import type { Step } from './chain.js';

const MAX_URL_BYTES = 8192;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/;
/** Printable ASCII: everything else has to be percent-encoded (RFC 3986 §2). */
const TARGET = /^[\x21-\x7e]*$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)/i;

/** Node's parser takes several or malformed Host fields; RFC 9112 §3.2 asks for 400. */
function assertHost(request: IncomingMessage): void {
  const { rawHeaders } = request;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  const host = request.headers.host;
  if (hosts > 1 || (hosts === 0 && request.httpVersionMinor !== 0))
    throw errors.bad_request({ message: 'Exactly one Host is needed.' });
  if (hosts === 1 && (host === undefined || !HOST.test(host)))
    throw errors.bad_request({ message: 'The Host is not valid.' });
}

/** Absolute-form (RFC 9112 §3.2.2) is served like origin-form; its authority counts, not the Host field. */
function toOriginForm(request: IncomingMessage, url: string): string {
  const match = ABSOLUTE.exec(url);
  if (!match) return url;
  if (!HOST.test(match[1] as string)) throw errors.bad_request({ message: 'The address is not valid.' });
  const rest = url.slice(match[0].length);
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  return request.url;
}

function assertTarget(request: IncomingMessage): void {
  let url = request.url ?? '';
  if (url.length > MAX_URL_BYTES) throw errors.uri_too_long();
  url = toOriginForm(request, url);
  if (url === '*' && request.method === 'OPTIONS') return;
  if (!url.startsWith('/') || !TARGET.test(url) || url.includes('#'))
    throw errors.bad_request({ message: 'The address is not valid.' });
  if (!url.includes('%')) return;
  try {
    if (decodeURIComponent(url).includes('\0')) throw errors.bad_request({ message: 'The address is not valid.' });
  } catch (error) {
    if (error instanceof URIError) throw errors.invalid_encoding();
    throw error;
  }
}

function assertRequest(exchange: Exchange): void {
  const { request } = exchange;
  if (request.httpVersionMajor !== 1) throw errors.bad_request({ message: 'HTTP/1.1 is spoken here.' });
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && (coding !== 'chunked' || request.headers['content-length'] !== undefined)) {
    exchange.close = true;
    throw errors.bad_request({ message: 'The length of the body is ambiguous.' });
  }
  assertHost(request);
  assertTarget(request);
}

/**
 * Refuses what is no well-formed HTTP/1.1 request although Node's parser lets it through: other versions, doubtful
 * framing, Host or target. What cannot be framed for sure also closes the connection.
 * The refusal is answered by the gate, after the limits have counted it.
 */
export const admit: Step = (exchange) => {
  try {
    assertRequest(exchange);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    exchange.refusal = error;
  }
  return 'continue';
};
