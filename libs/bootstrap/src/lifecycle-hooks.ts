import type { CallContext } from '@nexus/kernel';

/**
 * Work a service does once the process has its connections, before it takes requests: a provider that
 * implements it is called in the order of the services.
 */
export interface OnServiceStart {
  /** @param ctx acts as `service:<name>` */
  onServiceStart(ctx: CallContext): Promise<void>;
}

/** True for providers with {@link OnServiceStart}. */
export function startsWithService(provider: unknown): provider is OnServiceStart {
  return typeof (provider as Partial<OnServiceStart> | null)?.onServiceStart === 'function';
}
