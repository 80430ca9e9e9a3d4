import type { Actor } from '@nexus/kernel';
import type { AddressKey } from './address.js';
import type { ThrottlingConfig } from './throttling.config.js';

/** What to ask the limiter for one request. */
export interface AppliedLimit {
  readonly key: string;
  readonly limit: number;
  readonly windowMs: number;
}

/**
 * The limit of a caller's tier. Keys are the id itself and the address itself where every request needs them: making a
 * new string costs more than the whole decision. Neither can be the other, nor any prefixed key. A person has one
 * counter whatever their role, so that a change of role within a window neither forgets nor repeats what was counted;
 * each of their API keys is a caller of its own.
 *
 * @param address key of the client's address, which counts for a caller without credentials
 * @returns `undefined` for a service, which has no limit
 */
export function tierLimit(config: ThrottlingConfig, actor: Actor, address: AddressKey): AppliedLimit | undefined {
  const windowMs = config.RATE_LIMIT_WINDOW_SECONDS * 1000;
  switch (actor.kind) {
    case 'user':
      return {
        key: actor.keyId ?? actor.id,
        limit: actor.role === 'admin' ? config.RATE_LIMIT_ADMIN : config.RATE_LIMIT_USER,
        windowMs,
      };
    case 'anonymous':
      return { key: `a:${address}`, limit: config.RATE_LIMIT_ANONYMOUS, windowMs };
    case 'service':
      return undefined;
  }
}

/** The coarse limit of an address, counted before any credential is looked at. */
export function addressLimit(config: ThrottlingConfig, address: AddressKey): AppliedLimit {
  return { key: address, limit: config.RATE_LIMIT_ADDRESS, windowMs: config.RATE_LIMIT_WINDOW_SECONDS * 1000 };
}
