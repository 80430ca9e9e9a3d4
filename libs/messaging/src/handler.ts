import type { EventData, EventDefinition, EventEnvelope } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import type { JobData, JobDefinition } from './job.js';

/**
 * What a service does when it hears of an event. Runs in one transaction with the note that the event was
 * handled, so that its effect happens once however often the event is delivered.
 */
export abstract class EventHandler<E extends EventDefinition = EventDefinition> {
  abstract handle(tx: Transaction, event: EventEnvelope<EventData<E>>): Promise<void>;
}

/** What a service does for a job of its own. Delivered at least once: the handler makes its effect idempotent. */
export abstract class JobHandler<J extends JobDefinition = JobDefinition> {
  /** @param signal aborted when the job's time is over or the process stops */
  abstract run(data: JobData<J>, signal: AbortSignal): Promise<void>;
}

/** Subscribes a handler to an event; part of a service definition. */
export interface Subscription {
  readonly event: EventDefinition;
  readonly handler: abstract new (...args: never[]) => EventHandler;
}

/** Binds a handler to a job; part of a service definition. */
export interface JobBinding {
  readonly job: JobDefinition;
  readonly handler: abstract new (...args: never[]) => JobHandler;
  /** How many run at once in one process. */
  readonly concurrency?: number;
}
