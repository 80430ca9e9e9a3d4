import { type Actor, errors, type UserActor } from '@nexus/kernel';
import type { Access } from './access.decorator.js';

/** `WWW-Authenticate` of a refusal (RFC 6750 §3). */
export function challenge(error?: 'invalid_token'): Record<string, string> {
  return { 'www-authenticate': error ? `Bearer realm="nexus", error="${error}"` : 'Bearer realm="nexus"' };
}

/** A key does what its scopes say and nothing else: a route that names none is for people alone. */
function assertScopes({ scopes: needed }: Access, { keyId, scopes: held }: UserActor): void {
  if (keyId === undefined && held.length === 0) return;
  if (needed.length === 0) throw errors.api_key_not_accepted();
  if (needed.every((scope) => held.includes(scope))) return;
  const names = needed.join(' ');
  throw errors.insufficient_scope({
    message: `The API key needs the scope ${names}.`,
    headers: { 'www-authenticate': `Bearer realm="nexus", error="insufficient_scope", scope="${names}"` },
  });
}

/**
 * Whether an actor may use a route at all. Rights over a single resource are the service's business.
 * @throws AppError `unauthenticated`, `forbidden`, `insufficient_scope` or `api_key_not_accepted`
 */
export function authorise(access: Access, actor: Actor): void {
  if (access.public) return;
  if (actor.kind !== 'user') throw errors.unauthenticated({ headers: challenge() });
  if (access.roles.length > 0 && !access.roles.includes(actor.role)) throw errors.forbidden();
  assertScopes(access, actor);
}
