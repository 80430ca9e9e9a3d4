export { BudgetedPool, ConnectionBudget } from './connection-budget.js';
export { type DatabaseConfig, databaseConfig, POOL_PROFILES, type PoolProfile } from './database.config.js';
export { Database, type DatabaseOptions, type Row, type Sql, type Transaction } from './database.js';
export { DatabaseModule } from './database.module.js';
export { databaseFault, isUniqueViolation, sqlState } from './database-faults.js';
export { DatabaseRoot, type ServiceDatabase } from './database-root.js';
export { Conditions, type KeysetAsk, type KeysetList, type KeysetOrder, keysetPage } from './keyset-list.js';
export { type MigrationClass, type MigrationStep, migrate, revertLast, roleName, type SchemaPlan } from './migrate.js';
export { prefixQuery, searchWords } from './text-search.js';
