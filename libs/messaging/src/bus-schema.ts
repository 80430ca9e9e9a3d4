import { ALL_EVENTS, queueName } from '@nexus/contracts';
import type { MigrationStep } from '@nexus/database';
import { PgBoss } from 'pg-boss';
import type { JobDefinition } from './job.js';

/** The one schema that all services share. */
export const BUS_SCHEMA = 'bus';

/** A worker that was killed loses its job after this time, in s; then another one takes it. */
const EXPIRE_SECONDS = 30;
const DAY_SECONDS = 86_400;

/**
 * Creates the bus and every queue. Only `--migrate` may do this: publishing to a queue that nobody created
 * would lose the event without a sound.
 */
export function busMigration(jobs: readonly JobDefinition[]): MigrationStep {
  return async (client) => {
    const boss = new PgBoss({
      db: { executeSql: (text, values) => client.query(text, values) },
      schema: BUS_SCHEMA,
      supervise: false,
      schedule: false,
      registerInstance: false,
    });
    boss.on('error', () => undefined);
    await boss.start();
    try {
      const queues = [
        ...ALL_EVENTS.flatMap((event) =>
          event.subscribers.map((name) => ({ name: queueName(event, name), retries: 30 })),
        ),
        ...jobs.map((job) => ({ name: job.name, retries: job.retries })),
      ];
      for (const { name, retries } of queues) {
        const options = {
          retryLimit: retries,
          retryDelay: 1,
          retryBackoff: true,
          retryDelayMax: 3600,
          expireInSeconds: EXPIRE_SECONDS,
          retentionSeconds: 14 * DAY_SECONDS,
          deleteAfterSeconds: DAY_SECONDS,
        };
        if (await boss.getQueue(name)) await boss.updateQueue(name, options);
        else await boss.createQueue(name, options);
      }
    } finally {
      await boss.stop({ graceful: false, close: false });
    }
    return { schema: BUS_SCHEMA, migrations: [], grants: { to: 'all', privileges: 'SELECT, INSERT, UPDATE, DELETE' } };
  };
}
