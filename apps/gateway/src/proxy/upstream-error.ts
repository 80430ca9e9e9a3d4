import type { IncomingHttpHeaders } from 'node:http';
import { challenge } from '@nexus/auth-guards';
import { mediaTypeOf } from '@nexus/http';
import { AppError, errors } from '@nexus/kernel';
import { ServicePoolError } from '@nexus/resilience';
import { z } from 'zod';

/** The one error format, as another service of the platform answers it. */
const platformError = z.object({
  success: z.literal(false),
  error: z.string(),
  error_code: z.int(),
  request_id: z.string(),
  details: z.array(z.looseObject({ code: z.string() })).optional(),
});

/** Whether an error may be in the one format, as far as its fields tell. */
export function isPlatformType(headers: IncomingHttpHeaders): boolean {
  return headers['content-encoding'] === undefined && mediaTypeOf(headers['content-type'] ?? '') === 'application/json';
}

/** First code of an error that is in the one format and about this request; `undefined` when it is not. */
export function platformErrorCode(body: string, status: number, requestId: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const read = platformError.safeParse(value);
  if (!read.success || read.data.error_code !== status || read.data.request_id !== requestId) return undefined;
  return read.data.details?.[0]?.code ?? '';
}

const RETRY_SOON = { 'retry-after': '1' };

const BY_STATUS: Readonly<Record<number, () => AppError>> = {
  401: () => errors.unauthenticated({ headers: challenge() }),
  403: () => errors.forbidden(),
  404: () => errors.not_found(),
  406: () => errors.not_acceptable(),
  409: () => errors.conflict(),
  412: () => errors.stale_version(),
  413: () => errors.payload_too_large(),
  414: () => errors.uri_too_long(),
  415: () => errors.unsupported_media_type(),
  429: () => errors.rate_limited({ headers: RETRY_SOON }),
  431: () => errors.headers_too_large(),
  500: () => errors.bad_gateway(),
  501: () => errors.not_implemented(),
  503: () => errors.unavailable({ headers: RETRY_SOON }),
  504: () => errors.timed_out(),
};

/**
 * Errors about what the gateway itself sent: the method it knows the route to have, its connection, its time. No client
 * can do anything about them.
 */
const ABOUT_THIS_HOP = new Set([405, 407, 408, 411, 417, 421, 426]);

/** What a client is told instead of an error that is not in the one format: its status, and nothing that it says. */
export function foreignError(status: number): AppError {
  if (ABOUT_THIS_HOP.has(status)) return errors.bad_gateway();
  return BY_STATUS[status]?.() ?? (status < 500 ? errors.bad_request() : errors.bad_gateway());
}

const LATE = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);
const AWAY = new Set(['UPSTREAM_CONNECT', 'UPSTREAM_UNKNOWN', 'UND_ERR_CONNECT_TIMEOUT']);
const REFUSED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'UND_ERR_CLOSED']);

/** What a client is told when a service gave no answer. */
export function upstreamFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ServicePoolError && error.isRefusal) {
    const headers = { 'retry-after': String(error.retryAfterSeconds) };
    return (error.code === 'UPSTREAM_BUSY' ? errors.overloaded : errors.unavailable)({ headers, cause: error });
  }
  const code = String((error as { readonly code?: unknown } | null)?.code ?? '');
  if (LATE.has(code)) return errors.timed_out({ cause: error });
  if (AWAY.has(code) || REFUSED.has(code)) return errors.unavailable({ headers: RETRY_SOON, cause: error });
  return errors.bad_gateway({ cause: error });
}
