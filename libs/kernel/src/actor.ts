/** Roles a person can have; `admin` includes everything `user` may do. */
export const ROLES = ['user', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** A signed-in person. */
export interface UserActor {
  readonly kind: 'user';
  readonly id: string;
  readonly role: Role;
  readonly sessionId: string;
  /** Version of the session the token was made for; an older one than the session's is refused. */
  readonly sessionVersion: number;
  readonly scopes: readonly string[];
  /** Authentication methods (RFC 8176), e.g. `pwd`. */
  readonly amr: readonly string[];
}

/** A service acting for itself (jobs, repairs). */
export interface ServiceActor {
  readonly kind: 'service';
  /** `service:<name>` */
  readonly id: `service:${string}`;
}

/** Nobody: no credentials were given. */
export interface AnonymousActor {
  readonly kind: 'anonymous';
}

export type Actor = UserActor | ServiceActor | AnonymousActor;

export const ANONYMOUS: AnonymousActor = Object.freeze({ kind: 'anonymous' });

/** The actor of a service's own work, accepted only by port methods marked for it. */
export function serviceActor(name: string): ServiceActor {
  return { kind: 'service', id: `service:${name}` };
}
