import type { AccessTokenVerifier } from '@nexus/auth-guards';
import { challenge } from '@nexus/auth-guards';
import type { Exchange } from '@nexus/http';
import { AppError, errors, type UserActor } from '@nexus/kernel';
import type { ApiKeyCallers, KeyCaller } from './api-key-callers.js';
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

/** From here on the request is as if its sender had come with the token: the key itself goes no further. */
function acceptKey(exchange: Exchange, { token, actor }: KeyCaller): 'continue' {
  const { headers } = exchange.request;
  headers.authorization = `Bearer ${token}`;
  delete headers['x-api-key'];
  return accept(exchange, token, actor);
}

function checkKey(exchange: Exchange, key: string, callers: ApiKeyCallers): ReturnType<Step> {
  try {
    const found = callers.find(key);
    if (!(found instanceof Promise)) return acceptKey(exchange, found);
    return found.then(
      (caller) => acceptKey(exchange, caller),
      (error: unknown) => refuse(exchange, error),
    );
  } catch (error) {
    return refuse(exchange, error);
  }
}

/**
 * Establishes the caller. Bad credentials do not end the request here: it counts against the limits as anonymous
 * first, and a public route (a refresh with an expired access token) does not care. `Authorization` counts where both
 * are given: the API key beside it is not looked at.
 *
 * @param keys finds the callers of API keys; absent where none are taken
 */
export function credentials(verifier: AccessTokenVerifier, keys?: ApiKeyCallers): Step {
  return (exchange) => {
    const { authorization, 'x-api-key': apiKey } = exchange.request.headers;
    if (authorization === undefined) {
      if (apiKey === undefined) return 'continue';
      if (!keys) return refuse(exchange, errors.unauthenticated({ headers: challenge() }));
      return checkKey(exchange, String(apiKey), keys);
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
