import { AppError, errors } from '@nexus/kernel';
import { z } from 'zod';

/** The one error format, as another service of the platform answers it. */
const platformError = z.object({
  success: z.literal(false),
  error: z.string(),
  error_code: z.int(),
  request_id: z.string(),
  details: z.array(z.looseObject({ code: z.string() })).optional(),
});

/** First code of an error that is in the one format already; `undefined` when it is not. */
export function platformErrorCode(body: string, status: number): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const read = platformError.safeParse(value);
  if (!read.success || read.data.error_code !== status) return undefined;
  return read.data.details?.[0]?.code ?? '';
}

const BY_STATUS: Readonly<Record<number, () => AppError>> = {
  401: () => errors.unauthenticated(),
  403: () => errors.forbidden(),
  404: () => errors.not_found(),
  405: () => errors.method_not_allowed(),
  406: () => errors.not_acceptable(),
  408: () => errors.request_timeout(),
  409: () => errors.conflict(),
  412: () => errors.stale_version(),
  413: () => errors.payload_too_large(),
  414: () => errors.uri_too_long(),
  415: () => errors.unsupported_media_type(),
  429: () => errors.rate_limited(),
  431: () => errors.headers_too_large(),
  500: () => errors.bad_gateway(),
  501: () => errors.not_implemented(),
  503: () => errors.unavailable({ headers: { 'retry-after': '1' } }),
  504: () => errors.timed_out(),
};

/** What a client is told instead of an error that is not in the one format: its status, and nothing that it says. */
export function foreignError(status: number): AppError {
  return BY_STATUS[status]?.() ?? (status < 500 ? errors.bad_request() : errors.bad_gateway());
}

const LATE = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);
const AWAY = new Set(['UPSTREAM_CONNECT', 'UPSTREAM_UNKNOWN', 'UPSTREAM_BUSY', 'UND_ERR_CONNECT_TIMEOUT']);
const REFUSED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'UND_ERR_CLOSED']);

/** What a client is told when a service gave no answer. */
export function upstreamFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = String((error as { readonly code?: unknown } | null)?.code ?? '');
  if (LATE.has(code)) return errors.timed_out({ cause: error });
  if (AWAY.has(code) || REFUSED.has(code)) return errors.unavailable({ headers: { 'retry-after': '1' }, cause: error });
  return errors.bad_gateway({ cause: error });
}
