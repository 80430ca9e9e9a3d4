import { auditPlan } from '@nexus/audit';
import type { ServiceDefinition } from '@nexus/bootstrap';
import type { EventDefinition, ServiceName } from '@nexus/contracts';
import { queueName } from '@nexus/contracts';
import { DatabaseRoot, migrate } from '@nexus/database';
import { BUS_SCHEMA, busMigration, Messaging } from '@nexus/messaging';
import { migrationContent } from './migration-content.js';
import { createMigratedDatabase } from './test-database.js';

/** What the services of a spec run on: a migrated database of its own, and the bus. */
export interface TestPlatform {
  readonly url: string;
  readonly databases: DatabaseRoot;
  readonly messaging: Messaging;
  /** The envelopes that lie in a service's queue of an event, oldest first, handled or not. */
  queued(
    event: EventDefinition,
    subscriber: ServiceName,
  ): Promise<{ readonly data: unknown; readonly aggregate: unknown }[]>;
  /** Closes every connection and removes the database. */
  close(): Promise<void>;
}

/** Migrates the schemas of these services, the audit trail and the bus, and opens them as a process would. */
export async function openTestPlatform(
  services: readonly Pick<ServiceDefinition, 'name' | 'database' | 'jobs'>[],
  poolSize = 10,
): Promise<TestPlatform> {
  const plans = services.map(({ name, database: own }) => ({ schema: name, migrations: own?.migrations ?? [] }));
  const jobs = services.flatMap((service) => service.jobs.map(({ job }) => job));
  const names = services.map(({ name }) => name);
  const database = await createMigratedDatabase({ platform: migrationContent(services) }, (url) =>
    migrate(url, [auditPlan, ...plans], names, [busMigration(jobs)]),
  );
  const close: (() => Promise<void>)[] = [() => database.drop()];
  try {
    const databases = await DatabaseRoot.open(
      { DATABASE_URL: database.url, DATABASE_POOL_SIZE: poolSize, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 },
      'development',
      [
        ...services.map(({ name, database: own }) => ({ schema: name, entities: own?.entities })),
        { schema: BUS_SCHEMA },
      ],
    );
    close.unshift(() => databases.close());
    const messaging = await Messaging.open(databases.get(BUS_SCHEMA), () => undefined);
    close.unshift(() => messaging.close(1000));
    return {
      url: database.url,
      databases,
      messaging,
      queued: async (event, subscriber) => {
        const rows = await databases
          .get(BUS_SCHEMA)
          .query<{ data: { data: unknown; aggregate: unknown } }>(
            'SELECT data FROM bus.job WHERE name = $1 ORDER BY created_on, id',
            [queueName(event, subscriber)],
          );
        return rows.map((row) => row.data);
      },
      close: async () => {
        for (const step of close) await step();
      },
    };
  } catch (error) {
    for (const step of close) await step();
    throw error;
  }
}
