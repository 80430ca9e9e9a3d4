import { writeAnswer } from '@nexus/http';
import type { Step } from './chain.js';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const EXPOSED =
  'X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, ETag, Location, Cache-Status, Idempotency-Replayed, Content-Disposition, Content-Range, Accept-Ranges, WWW-Authenticate';
const ALLOWED_HEADERS =
  'Authorization, Content-Type, Accept, X-API-Key, X-Request-Id, Idempotency-Key, If-Match, If-None-Match, Range, If-Range, Content-Digest, Repr-Digest, Last-Event-ID, traceparent, tracestate';
const PREFLIGHT = [
  'Access-Control-Allow-Methods',
  METHODS,
  'Access-Control-Allow-Headers',
  ALLOWED_HEADERS,
  'Access-Control-Max-Age',
  '600',
];

/** The `Access-Control-*` fields of one process (https://fetch.spec.whatwg.org/#http-cors-protocol). */
export interface CorsSteps {
  /** Says on every answer, refusals included, who may read it. */
  readonly announce: Step;
  /** Answers a preflight, once the limits have counted it. */
  readonly preflight: Step;
}

/**
 * Cross-origin access for the configured origins. Credentials are tokens in headers, never cookies, so
 * `Access-Control-Allow-Credentials` is not sent.
 *
 * @param origins exact origins, or `*`
 */
export function cors(origins: readonly string[]): CorsSteps {
  const any = origins.includes('*');
  const known = new Set(origins);
  const allowed = (origin: string | undefined): origin is string => origin !== undefined && (any || known.has(origin));
  return {
    announce: ({ request, headers }) => {
      if (known.size === 0) return 'continue';
      if (!any) headers.push('Vary', 'Origin');
      const { origin } = request.headers;
      if (allowed(origin)) {
        headers.push('Access-Control-Allow-Origin', any ? '*' : origin, 'Access-Control-Expose-Headers', EXPOSED);
      }
      return 'continue';
    },
    preflight: (exchange) => {
      const { method, headers } = exchange.request;
      const asked = headers['access-control-request-method'];
      if (method !== 'OPTIONS' || asked === undefined || exchange.refusal || !allowed(headers.origin))
        return 'continue';
      writeAnswer(exchange, 204, undefined, PREFLIGHT);
      return 'answered';
    },
  };
}
