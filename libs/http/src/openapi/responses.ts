import { type CatalogueEntry, errorCatalogue } from '@nexus/kernel';
import type { ReflectedRoute } from '../reflect-routes.js';
import type { JsonSchema } from './schema-store.js';

const REQUEST_ID = '6f9619ff-8b86-4d11-b42d-00c04fc964ff';

/** Codes that a route may answer because of what it is, besides those it names. */
function impliedCodes({ policy, schemas, endpoint }: ReflectedRoute): string[] {
  const codes = [
    'bad_request',
    'rate_limited',
    'internal_error',
    'bad_gateway',
    'unavailable',
    'overloaded',
    'timed_out',
    'request_timeout',
  ];
  if (!policy.access.public) {
    codes.push('unauthenticated', 'token_expired', 'token_invalid', 'session_ended');
    if (policy.access.scopes.length > 0) codes.push('api_key_invalid', 'insufficient_scope');
    else codes.push('api_key_invalid', 'api_key_not_accepted');
  }
  if (policy.access.roles.length > 0) codes.push('forbidden');
  if (policy.produces === 'json') codes.push('not_acceptable');
  if (policy.idParams.length > 0) codes.push('invalid_id');
  if (endpoint.list) codes.push('invalid_cursor');
  if (schemas.body || schemas.query) codes.push('validation_failed', 'unknown_field');
  if (schemas.body) codes.push('malformed_json', 'invalid_encoding', 'payload_too_large', 'unsupported_media_type');
  if (policy.idempotency === 'accepted' || policy.idempotency === 'handler')
    codes.push('invalid_idempotency_key', 'idempotency_in_progress', 'idempotency_key_reused');
  if (policy.idempotency === 'refused') codes.push('idempotency_key_not_allowed');
  return codes;
}

/** The error answers of a route, by status. @throws Error when the route names a code that no catalogue has */
export function errorResponses(route: ReflectedRoute): Record<string, JsonSchema> {
  const known = new Map(errorCatalogue().map((entry) => [entry.code, entry]));
  const byStatus = new Map<number, CatalogueEntry[]>();
  for (const code of new Set([...(route.endpoint.errors ?? []), ...impliedCodes(route)])) {
    const entry = known.get(code);
    if (!entry) throw new Error(`${route.endpoint.operation} names the error ${code}, which no catalogue has`);
    byStatus.set(entry.status, [...(byStatus.get(entry.status) ?? []), entry]);
  }
  const responses: Record<string, JsonSchema> = {};
  for (const [status, entries] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[String(status)] = {
      description: entries.map((entry) => `\`${entry.code}\`: ${entry.message}`).join('\n\n'),
      headers: errorHeaders(status),
      content: {
        'application/json': {
          schema: { $ref: '#/components/schemas/Error' },
          examples: Object.fromEntries(entries.map((entry) => [entry.code, { value: exampleError(entry) }])),
        },
      },
    };
  }
  return responses;
}

function exampleError({ code, status, message }: CatalogueEntry): JsonSchema {
  return { success: false, error: message, error_code: status, request_id: REQUEST_ID, details: [{ code, message }] };
}

const ref = (name: string): JsonSchema => ({ $ref: `#/components/headers/${name}` });

/** Headers of every answer of a limited route. */
export const COMMON_HEADERS: JsonSchema = {
  'X-Request-Id': ref('RequestId'),
  'RateLimit-Limit': ref('RateLimitLimit'),
  'RateLimit-Remaining': ref('RateLimitRemaining'),
  'RateLimit-Reset': ref('RateLimitReset'),
};

function errorHeaders(status: number): JsonSchema {
  if (status === 401) return { ...COMMON_HEADERS, 'WWW-Authenticate': ref('WwwAuthenticate') };
  if (status === 429 || status === 503) return { ...COMMON_HEADERS, 'Retry-After': ref('RetryAfter') };
  return COMMON_HEADERS;
}

const text = (description: string): JsonSchema => ({ description, schema: { type: 'string' } });
const count = (description: string): JsonSchema => ({ description, schema: { type: 'integer' } });

export const HEADER_COMPONENTS: Record<string, JsonSchema> = {
  RequestId: { description: 'Equals `request_id` of the body.', schema: { type: 'string', format: 'uuid' } },
  RateLimitLimit: count('Requests of a window for this caller.'),
  RateLimitRemaining: count('Requests left in this window.'),
  RateLimitReset: count('Seconds to the end of the window.'),
  RetryAfter: count('Seconds to wait before trying again.'),
  WwwAuthenticate: text('How to authenticate (RFC 6750).'),
  ETag: text('Strong entity tag; send it back in `If-Match` or `If-None-Match`.'),
  Location: text('Where the new resource is.'),
  CacheStatus: text('What the cache did (RFC 9211).'),
  IdempotencyReplayed: text('`true` when this is the kept first answer.'),
};

export const ERROR_SCHEMA: JsonSchema = {
  type: 'object',
  required: ['success', 'error', 'error_code', 'request_id'],
  properties: {
    success: { const: false },
    error: { type: 'string', description: 'A sentence for people.' },
    error_code: { type: 'integer', description: 'The HTTP status.' },
    request_id: { type: 'string', format: 'uuid' },
    details: {
      type: 'array',
      items: {
        type: 'object',
        required: ['code', 'message'],
        properties: {
          code: { type: 'string', description: 'Stable machine-readable reason.' },
          field: { type: 'string', description: 'Dotted path of the field at fault.' },
          message: { type: 'string' },
        },
      },
    },
  },
};
