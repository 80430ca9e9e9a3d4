import { auditPlan } from '@nexus/audit';
import { migrate, type SchemaPlan } from '@nexus/database';
import { busMigration } from '@nexus/messaging';
import type { ServiceDefinition } from './define-service.js';

/** The schema plan of a service that has data. */
export function schemaPlan(service: ServiceDefinition): SchemaPlan | undefined {
  return service.database && { schema: service.name, migrations: service.database.migrations };
}

/**
 * Brings the schemas of these services, the audit trail and the bus up to date.
 * @returns names of the migrations that were applied
 */
export async function migrateServices(url: string, services: readonly ServiceDefinition[]): Promise<string[]> {
  const plans = services.map(schemaPlan).filter((plan) => plan !== undefined);
  const jobs = services.flatMap((service) => service.jobs.map((binding) => binding.job));
  return migrate(
    url,
    [auditPlan, ...plans],
    plans.map((plan) => plan.schema),
    [busMigration(jobs)],
  );
}
