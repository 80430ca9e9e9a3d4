/** Roles a person can have; `admin` includes everything `user` may do. */
export const ROLES = ['user', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** A person who is signed in, or who comes with one of their API keys. */
export interface UserActor {
  readonly kind: 'user';
  readonly id: string;
  readonly role: Role;
  /** The session; of an API key, the key. */
  readonly sessionId: string;
  /** Version of the session the token was made for; an older one than the session's is refused. */
  readonly sessionVersion: number;
  /** What an API key may be used for; a person's own session has none and needs none. */
  readonly scopes: readonly string[];
  /** The API key that was used; absent for a session. */
  readonly keyId?: string;
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
