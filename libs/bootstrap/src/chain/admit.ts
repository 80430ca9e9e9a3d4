import type { IncomingMessage } from 'node:http';
import type { Exchange } from '@nexus/http';
import { AppError, errors, remembered } from '@nexus/kernel';
import type { Step } from './chain.js';

const MAX_URL_BYTES = 8192;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/;
/** Printable ASCII: everything else has to be percent-encoded (RFC 3986 §2). */
const TARGET = /^[\x21-\x7e]*$/;
/** What needs no second look: no dots, nothing encoded, no back-slash. */
const SIMPLE = /^\/[\w\-/~:@!$&'()*+,;=]*(?:\?[\w\-/~:@!$&'()*+,;=]*)?$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)/i;
/** `.` and `..`, also as `%2e`, and also where the neighbour takes `\`, `%2f`, `%5c` or `;` for the end of a segment. */
const DOT_SEGMENT = /(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?=$|[/\\;]|%2f|%5c)/i;

const isHost = remembered((text) => HOST.test(text), { entries: 256, length: 256 });

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
  if (hosts === 1 && (host === undefined || !isHost(host)))
    throw errors.bad_request({ message: 'The Host is not valid.' });
}

/** Absolute-form (RFC 9112 §3.2.2) is served like origin-form; its authority counts, not the Host field. */
function toOriginForm(request: IncomingMessage, url: string): string {
  const match = ABSOLUTE.exec(url);
  if (!match) return url;
  if (!HOST.test(match[1] as string)) throw errors.bad_request({ message: 'The address is not valid.' });
  request.headers.host = match[1];
  const rest = url.slice(match[0].length);
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  return request.url;
}

/** What one server takes for another path than the next (RFC 3986 §6.2.2) is nobody's path here. */
function assertPath(url: string): void {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  if (path.includes('\\') || DOT_SEGMENT.test(path)) throw errors.bad_request({ message: 'The address is not valid.' });
}

function assertTarget(request: IncomingMessage): void {
  let url = request.url ?? '';
  if (url.length > MAX_URL_BYTES) throw errors.uri_too_long();
  if (SIMPLE.test(url)) return;
  url = toOriginForm(request, url);
  if (url === '*' && request.method === 'OPTIONS') return;
  if (!url.startsWith('/') || !TARGET.test(url) || url.includes('#'))
    throw errors.bad_request({ message: 'The address is not valid.' });
  if (url.includes('/.') || url.includes('\\') || url.includes('%')) assertPath(url);
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
  // HTTP/1.0 knows no codings (RFC 9112 §6.1).
  const isFramed = coding === 'chunked' && request.headers['content-length'] === undefined;
  if (coding !== undefined && !(isFramed && request.httpVersionMinor === 1)) {
    exchange.close = true;
    throw errors.bad_request({ message: 'The length of the body is ambiguous.' });
  }
  assertHost(request);
  assertTarget(request);
}

const UPGRADE = /(?:^|[\s,])upgrade(?:$|[\s,])/i;

/**
 * Whether a request asks for another protocol and does not get it. Node's parser drops what came right behind it in the
 * same segment and would take the rest of that for the next request, so that the connection has to end.
 */
function endAfterUpgrade({ request }: Exchange): boolean {
  const { upgrade, connection } = request.headers;
  // Node's mark of a request that is given another protocol.
  if (upgrade === undefined || (request as { readonly upgrade?: unknown }).upgrade === true) return false;
  return UPGRADE.test(connection ?? '');
}

/**
 * Refuses what is no well-formed HTTP/1.1 request although Node's parser lets it through: other versions, doubtful
 * framing, Host or target. What cannot be framed for sure also closes the connection.
 * The refusal is answered by the gate, after the limits have counted it.
 */
export const admit: Step = (exchange) => {
  if (endAfterUpgrade(exchange)) exchange.close = true;
  try {
    assertRequest(exchange);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    exchange.refusal = error;
  }
  return 'continue';
};
