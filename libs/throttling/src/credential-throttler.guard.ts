import { applyDecorators, type ExecutionContext, Injectable, SetMetadata, UseGuards } from '@nestjs/common';
import type { ThrottlerLimitDetail, ThrottlerOptions, ThrottlerRequest } from '@nestjs/throttler';
import { errors } from '@nexus/kernel';
import { addressKey } from './address.js';
import { ThrottlerGuard } from './throttler-package.js';
import type { ThrottlingConfig } from './throttling.config.js';

/** Limits that credential routes have besides the caller's tier. */
export type CredentialLimitName = 'sign_in' | 'refresh';

const CREDENTIAL_LIMIT = Symbol('nexus:credential-limit');
const MINUTE_MS = 60_000;

/** What this guard reads of a request; the policy chain puts its state on the raw request. */
interface LimitedRequest {
  readonly ip?: string;
  readonly body?: unknown;
  readonly raw?: { readonly nexus?: { readonly address?: string } };
}

/** Key of the client's address: all sign-in routes share its counter. */
export function addressTracker(request: LimitedRequest): string {
  return `a:${addressKey(request.raw?.nexus?.address ?? request.ip)}`;
}

/** `<session>.<generation>.<mac>`; only the session is read, and no more of the text than it can take. */
const SESSION_PREFIX = /^([A-Za-z0-9_-]{8,64})\./;

/**
 * Key of the session in the body's refresh token, or of the address where there is none. The token is not checked yet:
 * one that is made up has a counter of its own, and the tier limit of its address.
 */
export function sessionTracker(request: LimitedRequest): string {
  const { body } = request;
  const token =
    typeof body === 'object' && body !== null ? (body as { refresh_token?: unknown }).refresh_token : undefined;
  const session = typeof token === 'string' ? SESSION_PREFIX.exec(token.slice(0, 65))?.[1] : undefined;
  return session === undefined ? addressTracker(request) : `s:${session}`;
}

/** The throttlers behind {@link CredentialLimit}. */
export function credentialThrottlers(config: ThrottlingConfig): ThrottlerOptions[] {
  return [
    { name: 'sign_in', limit: config.RATE_LIMIT_SIGN_IN, ttl: MINUTE_MS, getTracker: addressTracker },
    { name: 'refresh', limit: config.RATE_LIMIT_REFRESH, ttl: MINUTE_MS, getTracker: sessionTracker },
  ];
}

/**
 * The throttler's guard for credential routes. Counts over all routes of one limit, and refuses with `rate_limited`;
 * the `RateLimit-*` fields on the answer stay those of the caller's tier.
 */
@Injectable()
export class CredentialThrottlerGuard extends ThrottlerGuard {
  protected override async handleRequest(request: ThrottlerRequest): Promise<boolean> {
    const targets = [request.context.getHandler(), request.context.getClass()];
    const name = this.reflector.getAllAndOverride<CredentialLimitName | undefined>(CREDENTIAL_LIMIT, targets);
    return name === request.throttler.name ? super.handleRequest(request) : true;
  }

  protected override generateKey(_context: ExecutionContext, tracker: string, name: string): string {
    return `${name}:${tracker}`;
  }

  protected override async throwThrottlingException(
    _context: ExecutionContext,
    detail: ThrottlerLimitDetail,
  ): Promise<void> {
    throw errors.rate_limited({ headers: { 'retry-after': String(detail.timeToBlockExpire) } });
  }
}

/**
 * Puts a route, or all of a controller, under a credential limit.
 * `sign_in`: {@link ThrottlingConfig} `RATE_LIMIT_SIGN_IN` per address, one counter for all routes so marked;
 * `refresh`: `RATE_LIMIT_REFRESH` per session of the refresh token in the body.
 */
export function CredentialLimit(name: CredentialLimitName): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(CREDENTIAL_LIMIT, name), UseGuards(CredentialThrottlerGuard));
}
