import {
  type EventData,
  type EventDefinition,
  type EventEnvelope,
  eventEnvelope,
  newEventId,
  queueName,
  type ServiceName,
} from '@nexus/contracts';
import type { Database, Transaction } from '@nexus/database';
import type { CallContext } from '@nexus/kernel';
import { type Db, PgBoss } from 'pg-boss';
import { BUS_SCHEMA } from './bus-schema.js';
import type { EventHandler, JobHandler } from './handler.js';
import type { JobData, JobDefinition } from './job.js';

/** What changed, for {@link Messaging.publish}. */
export interface Publication<E extends EventDefinition> {
  readonly aggregate: { readonly type: string; readonly id: string; readonly version: number };
  readonly data: EventData<E>;
}

/** Faults of background work, told to the log of the process. */
export type MessagingFault = (message: string, fields: Record<string, unknown>, error: unknown) => void;

function actorId(ctx: CallContext): string | null {
  return ctx.actor.kind === 'anonymous' ? null : ctx.actor.id;
}

function traceparent({ trace }: CallContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`;
}

/** Statements of pg-boss on the connection of a running transaction: queued with the change or not at all. */
function within(tx: Transaction): Db {
  return { executeSql: async (text, values) => ({ rows: await tx.query(text, values ?? []) }) };
}

/**
 * Transactional outbox and jobs on pg-boss: what is sent becomes visible with the commit of the change that
 * sent it.
 */
export class Messaging {
  private readonly workers = new Map<string, string>();

  private constructor(
    private readonly boss: PgBoss,
    private readonly onFault: MessagingFault,
  ) {}

  /** @param bus the database of the schema `bus`; its queues exist (see `busMigration`) */
  static async open(bus: Database, onFault: MessagingFault): Promise<Messaging> {
    const boss = new PgBoss({
      db: { executeSql: async (text, values) => ({ rows: await bus.query(text, values ?? []) }) },
      schema: BUS_SCHEMA,
      migrate: false,
      createSchema: false,
      schedule: false,
      reindex: false,
      monitorVacuum: false,
      registerInstance: false,
      superviseIntervalSeconds: 5,
      monitorIntervalSeconds: 5,
    });
    boss.on('error', (error) => onFault('The job queue reports a fault', {}, error));
    await boss.start();
    return new Messaging(boss, onFault);
  }

  /** Writes the event to the queue of each subscriber, in the transaction of the change. */
  async publish<E extends EventDefinition>(
    tx: Transaction,
    ctx: CallContext,
    event: E,
    what: Publication<E>,
  ): Promise<void> {
    if (event.subscribers.length === 0) return;
    const envelope: EventEnvelope = {
      id: newEventId(),
      type: event.type,
      version: event.version,
      occurred_at: new Date().toISOString(),
      aggregate: what.aggregate,
      actor: actorId(ctx),
      request_id: ctx.requestId,
      traceparent: traceparent(ctx),
      data: event.data.parse(what.data),
    };
    for (const subscriber of event.subscribers) await this.send(tx, queueName(event, subscriber), envelope);
  }

  /** Queues a job of the service itself, in the transaction of the change. */
  async enqueue<J extends JobDefinition>(
    tx: Transaction,
    job: J,
    data: JobData<J>,
    options: { readonly startAfter?: Date } = {},
  ): Promise<void> {
    await this.send(tx, job.name, job.data.parse(data) as object, options.startAfter);
  }

  private async send(tx: Transaction, queue: string, data: object, startAfter?: Date): Promise<void> {
    const id = await this.boss.send(queue, data, { db: within(tx), ...(startAfter ? { startAfter } : {}) });
    if (id === null) throw new Error(`The queue ${queue} took no message`);
    if (!startAfter) tx.afterCommit(() => this.wake(queue));
  }

  /** A worker of this process need not wait for its next poll. */
  private wake(queue: string): void {
    const worker = this.workers.get(queue);
    if (worker) this.boss.notifyWorker(worker);
  }

  /** Starts handling an event for a service: once per event id, in one transaction with the handler's effect. */
  async subscribe(
    service: ServiceName,
    event: EventDefinition,
    handler: EventHandler,
    database: Database,
  ): Promise<void> {
    const queue = queueName(event, service);
    await this.work(queue, 1, async (payload) => {
      const envelope = eventEnvelope.parse(payload);
      const data = event.data.parse(envelope.data) as EventData<EventDefinition>;
      await database.transaction(async (tx) => {
        const fresh = await tx.prepared(
          `INSERT INTO "${database.schema}".processed_events (event_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_id`,
          [envelope.id],
        );
        if (fresh.length > 0) await handler.handle(tx, { ...envelope, data });
      });
    });
  }

  /** Starts working on a service's own jobs. */
  async consume(job: JobDefinition, handler: JobHandler, concurrency = 1): Promise<void> {
    await this.work(job.name, concurrency, async (payload, signal) => {
      await handler.run(job.data.parse(payload) as JobData<JobDefinition>, signal);
    });
  }

  private async work(
    queue: string,
    concurrency: number,
    run: (data: unknown, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    for (let i = 0; i < concurrency; i++) {
      let worker: string | undefined;
      worker = await this.boss.work(queue, { batchSize: 1, pollingIntervalSeconds: 1 }, async (jobs) => {
        for (const job of jobs) {
          try {
            await run(job.data, job.signal);
          } catch (error) {
            this.onFault('A message could not be handled and will be tried again', { queue, job: job.id }, error);
            throw error;
          } finally {
            // Where one was there may be more: only an empty queue makes a worker wait for its next poll.
            if (worker) this.boss.notifyWorker(worker);
          }
        }
      });
      if (i === 0) this.workers.set(queue, worker);
    }
  }

  /** Waits for what is being handled, then stops. @param timeoutMs longest wait */
  async close(timeoutMs: number): Promise<void> {
    this.workers.clear();
    await this.boss.stop({ graceful: true, timeout: timeoutMs, close: false });
  }
}
