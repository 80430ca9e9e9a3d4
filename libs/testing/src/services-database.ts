import { migrateServices, type ServiceDefinition } from '@nexus/bootstrap';
import { migrationContent } from './migration-content.js';
import { createMigratedDatabase, type TestDatabase } from './test-database.js';

/** A database that these services have migrated, as a start of them would. @throws ConfigError as createTestDatabase */
export function createServicesDatabase(services: readonly ServiceDefinition[]): Promise<TestDatabase> {
  return createMigratedDatabase({ app: migrationContent(services) }, (url) => migrateServices(url, services));
}
