import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { wireHeaders } from '@nexus/clients';
import { comesFromThisMachine, type Exchange, LOCAL_VISITOR_HEADER } from '@nexus/http';
import { remembered } from '@nexus/kernel';
import { formatTraceparent } from '@nexus/observability';
import { DEADLINE_HEADER, deadlineHeader } from '@nexus/resilience';

/**
 * What never goes on: fields of this connection (RFC 9110 §7.6.1), of the framing, which is made anew, and those by
 * which the gateway itself speaks to a service. What a client says in them is nobody's word.
 */
const NOT_FORWARDED = new Set([
  ...['connection', 'keep-alive', 'upgrade', 'te', 'transfer-encoding', 'content-length', 'trailer', 'expect', 'host'],
  ...['max-forwards', 'via', 'forwarded', 'x-real-ip', 'x-request-id', 'traceparent', 'tracestate', 'x-api-key'],
  // What a server may take for a proxy's address (https://httpoxy.org), and for another method or path than the one that
  // was checked.
  ...['http2-settings', 'proxy', 'x-http-method', 'x-http-method-override', 'x-method-override'],
  ...['x-original-url', 'x-rewrite-url'],
]);
const OWN_PREFIXES = ['x-nexus-', 'x-forwarded-', 'x-user-', 'proxy-'];
/** Names of fields that are remembered: few are ever sent. */
export const KNOWN_NAMES = { entries: 512, length: 64 };
/** Routes that visitors of this machine alone may see ask whether that is what they have. */
const LOCAL_PATHS = '/dev/';
/** Name that this hop has in `Via` (RFC 9110 §7.6.3). */
export const VIA = '1.1 nexus';

/** Names that a `Connection` field declares to be of this connection; `undefined` where it says nothing of the kind. */
export function connectionNames(connection: string | readonly string[] | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = new Set<string>();
  for (const name of String(connection).toLowerCase().split(',')) names.add(name.trim());
  return names;
}

/** Whether a client wants the fields that may come after a body (RFC 9110 §10.1.4). */
export function takesTrailers({ headers, httpVersionMinor }: IncomingMessage): boolean {
  const { te } = headers;
  return te !== undefined && httpVersionMinor > 0 && /(^|[\s,])trailers($|[\s,;])/i.test(String(te));
}

function isOwnName(name: string): boolean {
  if (NOT_FORWARDED.has(name)) return true;
  for (const prefix of OWN_PREFIXES) if (name.startsWith(prefix)) return true;
  // What some servers take for the same name as the one with dashes.
  return name.includes('_') && isOwnName(name.replaceAll('_', '-'));
}

const isOwn = remembered(isOwnName, KNOWN_NAMES);

/** One field of the request, as undici takes them: name and value in turn. */
function push(fields: string[], name: string, value: string | string[] | undefined): void {
  if (typeof value === 'string') fields.push(name, value);
  else if (value) for (const one of value) fields.push(name, one);
}

/** An address in `Forwarded` (RFC 7239 §6): IPv6 in brackets and quotes. */
function forwardedNode(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address;
}

function endToEnd(headers: IncomingHttpHeaders, named: Set<string> | undefined): string[] {
  const fields: string[] = [];
  for (const name in headers) {
    if (isOwn(name) || named?.has(name)) continue;
    push(fields, name, headers[name]);
  }
  return fields;
}

/**
 * The fields of a request to a service. What `Connection` names is taken out first and the gateway's own are put in
 * after, so that a client cannot have those removed.
 *
 * @param protocol by which the client came
 */
export function requestFields(exchange: Exchange, protocol: 'http' | 'https'): string[] {
  const { headers } = exchange.request;
  const fields = endToEnd(headers, connectionNames(headers.connection));
  const { address, trace } = exchange;
  const host = headers.host ?? '';
  fields.push('via', headers.via === undefined ? VIA : `${headers.via}, ${VIA}`);
  fields.push('forwarded', `for=${forwardedNode(address)};host="${host}";proto=${protocol}`);
  fields.push('x-forwarded-for', address, 'x-forwarded-host', host, 'x-forwarded-proto', protocol);
  fields.push('x-request-id', exchange.id, 'traceparent', formatTraceparent(trace));
  if (trace.tracestate !== undefined) fields.push('tracestate', trace.tracestate);
  fields.push(wireHeaders.clientAddress, address);
  if (exchange.route?.path.startsWith(LOCAL_PATHS) && comesFromThisMachine(exchange.request)) {
    fields.push(LOCAL_VISITOR_HEADER, '1');
  }
  if (exchange.deadline !== Number.MAX_SAFE_INTEGER) {
    fields.push(DEADLINE_HEADER, deadlineHeader(exchange));
  }
  if (takesTrailers(exchange.request)) fields.push('te', 'trailers');
  return fields;
}
