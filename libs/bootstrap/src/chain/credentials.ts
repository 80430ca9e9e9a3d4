import type { AccessTokenVerifier } from '@nexus/auth-guards';
import { challenge } from '@nexus/auth-guards';
import type { Exchange } from '@nexus/http';
import { AppError, errors, type UserActor } from '@nexus/kernel';
import type { Step } from './chain.js';

/** RFC 6750 §2.1; what the token is made of, the verifier checks. */
const BEARER = /^Bearer +/i;

/** @returns undefined for another scheme */
function tokenOf(authorization: string): string | undefined {
  // As nearly everybody writes it.
  if (authorization.startsWith('Bearer ') && authorization[7] !== ' ') return authorization.slice(7);
  const scheme = BEARER.exec(authorization);
  return scheme === null ? undefined : authorization.slice(scheme[0].length);
}

function accept(exchange: Exchange, token: string, actor: UserActor): 'continue' {
  exchange.actor = actor;
  exchange.credential = token;
  return 'continue';
}

function refuse(exchange: Exchange, error: unknown): 'continue' {
  if (!(error instanceof AppError)) throw error;
  exchange.credentialFault = error;
  return 'continue';
}

/**
 * Establishes the caller. Bad credentials do not end the request here: it counts against the limits as anonymous
 * first, and a public route (a refresh with an expired access token) does not care.
 */
export function credentials(verifier: AccessTokenVerifier): Step {
  return (exchange) => {
    const { authorization, 'x-api-key': apiKey } = exchange.request.headers;
    if (authorization === undefined) {
      if (apiKey !== undefined) return refuse(exchange, errors.unauthenticated({ headers: challenge() }));
      return 'continue';
    }
    const token = tokenOf(authorization);
    if (token === undefined) return refuse(exchange, errors.token_invalid({ headers: challenge('invalid_token') }));
    try {
      const actor = verifier.verify(token);
      if (!(actor instanceof Promise)) return accept(exchange, token, actor);
      return actor.then(
        (checked) => accept(exchange, token, checked),
        (error: unknown) => refuse(exchange, error),
      );
    } catch (error) {
      return refuse(exchange, error);
    }
  };
}
