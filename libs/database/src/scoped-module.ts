import { type DynamicModule, Module, type Provider, type Type } from '@nestjs/common';

/**
 * Makes `forService` of a module that gives every service its own instance behind one token.
 *
 * @param base its name is part of the modules' names
 * @param token what is injected
 * @param provider makes it for a service
 */
export function scopedModules(
  base: Type,
  token: object,
  provider: (service: string) => Provider,
): (service: string) => DynamicModule {
  const modules = new Map<string, DynamicModule>();
  return (service) => {
    let found = modules.get(service);
    if (!found) {
      // A class of its own per service: Nest tells modules apart by class, and the token is the same for all.
      const Scoped = class extends base {};
      Object.defineProperty(Scoped, 'name', { value: `${base.name}_${service}` });
      Module({})(Scoped);
      found = { module: Scoped, providers: [provider(service)], exports: [token as Type] };
      modules.set(service, found);
    }
    return found;
  };
}
