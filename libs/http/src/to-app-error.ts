import { HttpException } from '@nestjs/common';
import { databaseFault } from '@nexus/database';
import { AppError, errors } from '@nexus/kernel';

/** Faults that Fastify reports before a handler runs. */
const FASTIFY: Readonly<Record<string, () => AppError>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => errors.unsupported_media_type(),
  FST_ERR_CTP_BODY_TOO_LARGE: () => errors.payload_too_large(),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => errors.bad_request(),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => errors.malformed_json(),
  FST_ERR_BAD_URL: () => errors.bad_request(),
  FST_ERR_MAX_PARAM_LENGTH: () => errors.uri_too_long(),
  FST_ERR_NOT_FOUND: () => errors.not_found(),
  ECONNRESET: () => errors.bad_request(),
};

const BY_STATUS: Readonly<Record<number, () => AppError>> = {
  400: () => errors.bad_request(),
  401: () => errors.unauthenticated(),
  403: () => errors.forbidden(),
  404: () => errors.not_found(),
  405: () => errors.method_not_allowed(),
  406: () => errors.not_acceptable(),
  408: () => errors.request_timeout(),
  409: () => errors.conflict(),
  413: () => errors.payload_too_large(),
  414: () => errors.uri_too_long(),
  415: () => errors.unsupported_media_type(),
  429: () => errors.rate_limited(),
  503: () => errors.unavailable({ headers: { 'retry-after': '1' } }),
};

/**
 * What the client is told about anything that was thrown. Only {@link AppError} speaks for itself; of the rest
 * the client learns the status at most.
 */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const fault = databaseFault(thrown);
  if (fault) return fault;
  if (thrown instanceof HttpException) {
    return BY_STATUS[thrown.getStatus()]?.() ?? errors.internal_error({ cause: thrown });
  }
  const code = (thrown as { code?: unknown } | null)?.code;
  const known = typeof code === 'string' ? FASTIFY[code] : undefined;
  return known ? known() : errors.internal_error({ cause: thrown });
}
