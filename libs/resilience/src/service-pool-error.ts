/**
 * Why a request was not sent:
 * `UPSTREAM_CONNECT` no connection came about (`cause` tells why),
 * `UPSTREAM_IDENTITY` the peer's certificate is of another service, or of none,
 * `UPSTREAM_UNKNOWN` no host name of the service has an address,
 * `UPSTREAM_BUSY` as many requests as are allowed run and wait already,
 * `UPSTREAM_OPEN` the service fails, and is not asked for a while.
 */
export type ServicePoolErrorCode =
  | 'UPSTREAM_CONNECT'
  | 'UPSTREAM_IDENTITY'
  | 'UPSTREAM_UNKNOWN'
  | 'UPSTREAM_BUSY'
  | 'UPSTREAM_OPEN';

export interface ServicePoolErrorOptions extends ErrorOptions {
  /** When it may be worth asking again, in ms. */
  readonly retryAfterMs?: number;
}

/** A request that never left: it may be tried again whatever its method. */
export class ServicePoolError extends Error {
  override readonly name = 'ServicePoolError';
  /** When it may be worth asking again: whole seconds, at least one. */
  readonly retryAfterSeconds: number;

  constructor(
    readonly code: ServicePoolErrorCode,
    message: string,
    options?: ServicePoolErrorOptions,
  ) {
    super(message, options);
    this.retryAfterSeconds = Math.max(1, Math.ceil((options?.retryAfterMs ?? 0) / 1_000));
  }

  /** Refused by this process itself, which may have to say so very often. */
  get isRefusal(): boolean {
    return this.code === 'UPSTREAM_BUSY' || this.code === 'UPSTREAM_OPEN';
  }
}

/** `code` of a system, TLS or undici error, else its message. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown';
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return String(code ?? message ?? 'unknown');
}
