import { writeAnswer } from '@nexus/http';
import type { Step } from './chain.js';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const EXPOSED =
  'X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, ETag, Location, Cache-Status, Idempotency-Replayed, Content-Disposition, Content-Range, Accept-Ranges, WWW-Authenticate';
const ALLOWED_HEADERS =
  'Authorization, Content-Type, Accept, X-API-Key, X-Request-Id, Idempotency-Key, If-Match, If-None-Match, Range, If-Range, Content-Digest, Repr-Digest, Last-Event-ID, traceparent, tracestate';
const PREFLIGHT_SECONDS = '600';

/**
 * Cross-origin access for the configured origins (https://fetch.spec.whatwg.org/#http-cors-protocol). Credentials
 * are tokens in headers, never cookies, so `Access-Control-Allow-Credentials` is not sent.
 *
 * @param origins exact origins, or `*`
 */
export function cors(origins: readonly string[]): Step {
  const any = origins.includes('*');
  const known = new Set(origins);
  return (exchange) => {
    if (known.size === 0) return 'continue';
    if (!any) exchange.headers.push('Vary', 'Origin');
    const { origin } = exchange.request.headers;
    if (origin === undefined || !(any || known.has(origin))) return 'continue';
    exchange.headers.push('Access-Control-Allow-Origin', any ? '*' : origin, 'Access-Control-Expose-Headers', EXPOSED);
    const asked = exchange.request.headers['access-control-request-method'];
    if (exchange.request.method !== 'OPTIONS' || asked === undefined) return 'continue';
    writeAnswer(exchange, 204, undefined, [
      'Access-Control-Allow-Methods',
      METHODS,
      'Access-Control-Allow-Headers',
      ALLOWED_HEADERS,
      'Access-Control-Max-Age',
      PREFLIGHT_SECONDS,
    ]);
    return 'answered';
  };
}
