import 'reflect-metadata';
import { SetMetadata } from '@nestjs/common';
import type { Role } from '@nexus/kernel';
import type { Scope } from './scopes.js';

export const PUBLIC_KEY = 'nexus:public';
export const ROLES_KEY = 'nexus:roles';
export const SCOPES_KEY = 'nexus:scopes';

/** Anyone may call this, signed in or not. Without it a route needs a signed-in caller. */
export const Public = () => SetMetadata(PUBLIC_KEY, true);

/** Only callers with one of these roles. */
export const Roles = (...roles: Role[]) => SetMetadata(ROLES_KEY, roles);

/**
 * A caller with an API key needs all of these scopes; a signed-in person needs none. Without it a route takes no API
 * keys at all.
 */
export const Scopes = (...scopes: Scope[]) => SetMetadata(SCOPES_KEY, scopes);

/** What the decorators say of a handler. */
export interface Access {
  readonly public: boolean;
  readonly roles: readonly Role[];
  readonly scopes: readonly string[];
}

/** Reads the decorators of a handler; the method's win over the class's. */
export function accessOf(controller: object, handler: object): Access {
  const read = <T>(key: string): T | undefined =>
    (Reflect.getMetadata(key, handler) ?? Reflect.getMetadata(key, controller)) as T | undefined;
  return {
    public: read<boolean>(PUBLIC_KEY) ?? false,
    roles: read<Role[]>(ROLES_KEY) ?? [],
    scopes: read<string[]>(SCOPES_KEY) ?? [],
  };
}
