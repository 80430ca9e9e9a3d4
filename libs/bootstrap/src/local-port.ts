import { validationError } from '@nexus/http';
import { type CallContext, errors } from '@nexus/kernel';
import type { PortToken } from './define-service.js';

/**
 * The local side of a port: finds its provider at the first call, so that two services may need each other, and
 * honours what a remote call would: no work after the deadline or for a caller who is gone, a service's own actor only on
 * methods marked for it, and no input that breaks the contract.
 *
 * @param find the provider, once the modules are there
 */
export function localPort<T extends object>(token: PortToken, find: () => T): T {
  let provider: T | undefined;
  const member = (name: string): ((...args: unknown[]) => unknown) => {
    provider ??= find();
    return ((provider as Record<string, unknown>)[name] as (...args: unknown[]) => unknown).bind(provider);
  };
  const port: Record<string, unknown> = {};
  for (const [name, { serviceActor, input: schema }] of Object.entries(token.port.methods)) {
    port[name] = async (ctx: CallContext, input: unknown) => {
      if (ctx.signal.aborted || Date.now() >= ctx.deadline) throw errors.timed_out();
      if (ctx.actor.kind === 'service' && !serviceActor) throw errors.forbidden();
      const checked = schema.safeParse(input);
      if (!checked.success) throw validationError(checked.error.issues as never);
      return member(name)(ctx, checked.data);
    };
  }
  for (const name of token.port.streams) port[name] = (...args: unknown[]) => member(name)(...args);
  return port as T;
}
