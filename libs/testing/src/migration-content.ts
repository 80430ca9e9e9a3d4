import type { ServiceDefinition } from '@nexus/bootstrap';

/** What decides how the migration of these services leaves a database: their migrations to the letter, and their queues. */
export function migrationContent(services: readonly Pick<ServiceDefinition, 'name' | 'database' | 'jobs'>[]): unknown {
  return services.map(({ name, database, jobs }) => ({
    name,
    migrations: database?.migrations.map((migration) => [migration.name, String(migration)]),
    jobs: jobs.map(({ job }) => [job.name, job.retries]),
  }));
}
