import { uuidv7 } from '@nexus/kernel';
import { z } from 'zod';

/** The services of the platform. */
export const SERVICE_NAMES = ['gateway', 'auth', 'user', 'project', 'file', 'notification'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/**
 * A versioned event. Its payload carries the full state that subscribers need and grows only by optional
 * fields; anything else is a new version beside the old one.
 */
export interface EventDefinition<S extends z.ZodType = z.ZodType> {
  /** `<aggregate>.<what happened>`, past tense. */
  readonly type: string;
  readonly version: number;
  readonly data: S;
  /** Services with a queue of their own for it. Known here so that a publisher needs no look-up. */
  readonly subscribers: readonly ServiceName[];
}

export type EventData<E> = E extends EventDefinition<infer S> ? z.output<S> : never;

/** What is stored in a queue. */
export const eventEnvelope = z.object({
  id: z.uuid(),
  type: z.string(),
  version: z.number().int(),
  occurred_at: z.iso.datetime(),
  /** What changed; a subscriber ignores a version older than the one it has seen. */
  aggregate: z.object({ type: z.string(), id: z.string(), version: z.number().int() }),
  /** Who caused it: a user id, `service:<name>` or null. */
  actor: z.string().nullable(),
  request_id: z.string(),
  traceparent: z.string(),
  data: z.unknown(),
});

export interface EventEnvelope<T = unknown> extends Omit<z.output<typeof eventEnvelope>, 'data'> {
  readonly data: T;
}

/** Declares an event. */
export function defineEvent<S extends z.ZodType>(
  type: string,
  version: number,
  data: S,
  options: { readonly subscribers: readonly ServiceName[] },
): EventDefinition<S> {
  return { type, version, data, subscribers: options.subscribers };
}

/** The queue in which one service receives one version of an event. */
export function queueName(event: EventDefinition, subscriber: ServiceName): string {
  return `${event.type}.v${event.version}.${subscriber}`;
}

/** A new event id: also the key of `processed_events`. */
export function newEventId(): string {
  return uuidv7();
}
