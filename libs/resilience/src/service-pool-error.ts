/**
 * Why a request was not sent:
 * `UPSTREAM_CONNECT` no connection came about (`cause` tells why),
 * `UPSTREAM_IDENTITY` the peer's certificate is of another service, or of none,
 * `UPSTREAM_UNKNOWN` no host name of the service has an address,
 * `UPSTREAM_BUSY` as many requests as are allowed wait already.
 */
export type ServicePoolErrorCode = 'UPSTREAM_CONNECT' | 'UPSTREAM_IDENTITY' | 'UPSTREAM_UNKNOWN' | 'UPSTREAM_BUSY';

/** A request that never left: it may be tried again whatever its method. */
export class ServicePoolError extends Error {
  override readonly name = 'ServicePoolError';

  constructor(
    readonly code: ServicePoolErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** `code` of a system, TLS or undici error, else its message. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown';
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return String(code ?? message ?? 'unknown');
}
