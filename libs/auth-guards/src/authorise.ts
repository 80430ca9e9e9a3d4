import { type Actor, errors } from '@nexus/kernel';
import type { Access } from './access.decorator.js';

/** `WWW-Authenticate` of a refusal (RFC 6750 §3). */
export function challenge(error?: 'invalid_token'): Record<string, string> {
  return { 'www-authenticate': error ? `Bearer realm="nexus", error="${error}"` : 'Bearer realm="nexus"' };
}

/**
 * Whether an actor may use a route at all. Rights over a single resource are the service's business.
 * @throws AppError `unauthenticated` or `forbidden`
 */
export function authorise(access: Access, actor: Actor): void {
  if (access.public) return;
  if (actor.kind !== 'user') throw errors.unauthenticated({ headers: challenge() });
  if (access.roles.length > 0 && !access.roles.includes(actor.role)) throw errors.forbidden();
  if (
    access.scopes.length > 0 &&
    actor.scopes.length > 0 &&
    !access.scopes.every((scope) => actor.scopes.includes(scope))
  )
    throw errors.forbidden();
}
