import { authorise } from '@nexus/auth-guards';
import type { RoutePolicy } from '@nexus/contracts';
import { assertKey, type Exchange, type RouteParams, writeAnswer } from '@nexus/http';
import { errors, isUuid } from '@nexus/kernel';
import type { Step } from './chain.js';
import { pathOf, type RouteTable } from './route-table.js';

/** Whether `Accept` leaves room for JSON (RFC 9110 §12.5.1). */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept === '' || accept === '*/*' || accept.startsWith('application/json')) {
    if (accept === undefined || !accept.includes('q=0')) return true;
  }
  let best = -1;
  let allowed = false;
  for (const part of accept.split(',', 64)) {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const rank = ['*/*', 'application/*', 'application/json'].indexOf(range);
    if (rank < 0 || rank < best) continue;
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    best = rank;
    allowed = quality === undefined || Number(quality.slice(2)) > 0;
  }
  return allowed;
}

function assertIdempotencyKey(route: RoutePolicy, key: string | string[] | undefined): void {
  if (key === undefined || route.idempotency === 'none') return;
  if (route.idempotency === 'refused') throw errors.idempotency_key_not_allowed();
  assertKey(Array.isArray(key) ? key.join(', ') : key);
}

/** Parameters that were looked at: those of one path are the same object for many requests. */
const wellFormed = new WeakSet<RouteParams>();

function assertIds(params: RouteParams, { idParams }: RoutePolicy): void {
  if (idParams.length === 0 || wellFormed.has(params)) return;
  for (const name of idParams) {
    if (!isUuid(params[name] ?? '')) throw errors.invalid_id({ field: name });
  }
  wellFormed.add(params);
}

function assertForm(exchange: Exchange, route: RoutePolicy): void {
  const { headers } = exchange.request;
  assertIds(exchange.params, route);
  if (route.produces === 'json' && !acceptsJson(headers.accept)) throw errors.not_acceptable();
  const coding = headers['content-encoding'];
  if (route.consumes === 'json' && coding !== undefined && coding.toLowerCase() !== 'identity') {
    throw errors.unsupported_media_type({ message: 'A body is taken as it is: no Content-Encoding.' });
  }
  const length = headers['content-length'];
  if (route.limits.bodyBytes > 0 && length !== undefined && Number(length) > route.limits.bodyBytes)
    throw errors.payload_too_large();
  assertIdempotencyKey(route, headers['idempotency-key']);
}

/** Answers for addresses and methods that do not exist, callers who may not, and requests no handler should see. */
export function gate(table: RouteTable): Step {
  return (exchange) => {
    const { route, request } = exchange;
    if (exchange.refusal) throw exchange.refusal;
    if (!route) {
      const allow = table.allowed(pathOf(request.url ?? '/')).join(', ');
      if (request.method === 'OPTIONS' && (allow !== '' || request.url === '*')) {
        writeAnswer(exchange, 204, undefined, ['Allow', allow || 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']);
        return 'answered';
      }
      throw allow === '' ? errors.not_found() : errors.method_not_allowed({ headers: { Allow: allow } });
    }
    if (!route.access.public) {
      if (exchange.credentialFault) throw exchange.credentialFault;
      authorise(route.access, exchange.actor);
    }
    assertForm(exchange, route);
    return 'continue';
  };
}
