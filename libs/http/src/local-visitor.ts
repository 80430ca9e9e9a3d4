import type { IncomingMessage } from 'node:http';
import type { Exchange } from './exchange.js';

/** Fields with which proxies tell that a request came from elsewhere. */
const FORWARDED = new Set([
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'x-envoy-external-address',
]);
const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;
const LOOPBACK = /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/i;

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || (address !== undefined && LOOPBACK.test(address));
}

/**
 * Whether a request comes from this very machine: by its connection, through no proxy, under a name that nobody else can
 * point here (a page of another site could otherwise have its own name resolved to 127.0.0.1), and not by a script of
 * another site.
 */
export function comesFromThisMachine({
  socket,
  headers,
}: Pick<IncomingMessage, 'headers'> & { socket: { remoteAddress?: string } }): boolean {
  const { host, origin } = headers;
  if (!isLoopback(socket.remoteAddress) || host === undefined || !LOCAL_HOST.test(host)) return false;
  if (Object.keys(headers).some((name) => FORWARDED.has(name) || name.startsWith('x-forwarded-'))) return false;
  return origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`;
}

/** By which the gateway tells a service that {@link comesFromThisMachine} holds for a request; from others it says nothing. */
export const LOCAL_VISITOR_HEADER = 'x-nexus-local-visitor';

/** Whether the client of a request is at this very machine, also where it came through the gateway of a split platform. */
export function isLocalVisitor({ request, viaGateway }: Exchange): boolean {
  return viaGateway ? request.headers[LOCAL_VISITOR_HEADER] === '1' : comesFromThisMachine(request);
}
