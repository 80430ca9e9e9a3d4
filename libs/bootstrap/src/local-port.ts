import { type CallContext, errors } from '@nexus/kernel';
import type { PortToken } from './define-service.js';

/**
 * The local side of a port: finds its provider at the first call, so that two services may need each other, and
 * honours what a remote call would: no work after the deadline or for a caller who is gone, and a service's own
 * actor only on methods marked for it.
 *
 * @param find the provider, once the modules are there
 */
export function localPort<T extends object>(token: PortToken, find: () => T): T {
  let provider: T | undefined;
  const proxy: Record<string, unknown> = {};
  for (const name of Object.getOwnPropertyNames(token.prototype)) if (name !== 'constructor') proxy[name] = undefined;
  return new Proxy(proxy, {
    get(_, name) {
      // A promise-like look would make `await` call it.
      if (typeof name !== 'string' || name === 'then') return undefined;
      provider ??= find();
      const method = (provider as Record<string, unknown>)[name];
      if (typeof method !== 'function') return method;
      const declared = token.port.methods[name];
      if (!declared) return method.bind(provider);
      return async (ctx: CallContext, input: unknown) => {
        if (ctx.signal.aborted || Date.now() >= ctx.deadline) throw errors.timed_out();
        if (ctx.actor.kind === 'service' && !declared.serviceActor) throw errors.forbidden();
        return method.call(provider, ctx, input);
      };
    },
  }) as T;
}
