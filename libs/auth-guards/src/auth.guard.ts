import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { type Actor, ANONYMOUS } from '@nexus/kernel';
import { type Access, accessOf } from './access.decorator.js';
import { authorise } from './authorise.js';

interface CarriesActor {
  readonly raw: { readonly nexus?: { readonly actor: Actor } };
}

/**
 * Holds the caller, whom the policy chain has established, against the route's decorators. Registered once for
 * the whole process: a service checks for itself even behind a gateway.
 */
@Injectable()
export class AuthGuard implements CanActivate {
  private readonly known = new WeakMap<object, Access>();

  canActivate(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    let access = this.known.get(handler);
    if (!access) {
      access = accessOf(context.getClass(), handler);
      this.known.set(handler, access);
    }
    const request = context.switchToHttp().getRequest<CarriesActor>();
    authorise(access, request.raw.nexus?.actor ?? ANONYMOUS);
    return true;
  }
}
