import type { EdgeRoute } from '@nexus/bootstrap';
import type { RoutePolicy } from '@nexus/contracts';
import { errors } from '@nexus/kernel';
import { headersChange } from '../proxy/transform-fields.js';
import type { DeclaredOperation } from './routes-file.schemas.js';

/** An operation that nobody may use for now: whoever asks is told so, after the limits have counted them. */
function offRoute(declared: RoutePolicy, off: NonNullable<DeclaredOperation['off']>): EdgeRoute {
  const { service, method, path, operation, priority } = declared;
  return {
    ...{ service, method, path, operation, priority },
    access: { public: true, roles: [], scopes: [] },
    limits: { bodyBytes: 0, timeoutMs: 10_000 },
    consumes: 'none',
    produces: 'binary',
    idempotency: 'none',
    idParams: [],
    hidden: off.status === 404,
    handle: () => {
      throw off.status === 404
        ? errors.not_found()
        : errors.unavailable({ headers: { 'retry-after': String(off.retry_after_seconds) } });
    },
  };
}

/** An operation of the platform as an operator wants it served. */
export function operationOverride(declared: RoutePolicy, change: DeclaredOperation): EdgeRoute {
  if (change.off) return offRoute(declared, change.off);
  const limits = {
    bodyBytes: change.body_bytes ?? declared.limits.bodyBytes,
    timeoutMs: change.timeout_ms ?? declared.limits.timeoutMs,
  };
  const headers = headersChange(change.request?.headers);
  if (!headers) return { ...declared, limits };
  return {
    ...declared,
    limits,
    handle: (exchange, next) => {
      exchange.request.headers = headers(exchange.request.headers);
      next(exchange);
    },
  };
}
