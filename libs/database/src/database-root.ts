import pg from 'pg';
import { BudgetedPool, ConnectionBudget } from './connection-budget.js';
import { type DatabaseConfig, POOL_PROFILES } from './database.config.js';
import { Database, type DatabaseOptions } from './database.js';
import { mayUseRole, roleName } from './migrate.js';

/** What a service needs of the database. */
export interface ServiceDatabase {
  readonly schema: string;
  readonly entities?: DatabaseOptions['entities'];
}

/** Every database connection of the process: made once at the root, closed last. */
export class DatabaseRoot {
  private readonly databases = new Map<string, Database>();

  private constructor(
    readonly budget: ConnectionBudget,
    /** Whether the services have roles of their own; otherwise all act as the login. */
    readonly separateRoles: boolean,
  ) {}

  /** For a process that keeps nothing. */
  static none(): DatabaseRoot {
    return new DatabaseRoot(new ConnectionBudget(0), false);
  }

  static async open(
    config: DatabaseConfig,
    environment: keyof typeof POOL_PROFILES,
    services: readonly ServiceDatabase[],
  ): Promise<DatabaseRoot> {
    const profile = POOL_PROFILES[environment];
    const acquireTimeoutMs = config.DATABASE_POOL_TIMEOUT_MS ?? profile.acquireTimeoutMs;
    const probe = new pg.Client({
      connectionString: config.DATABASE_URL,
      connectionTimeoutMillis: acquireTimeoutMs,
    });
    probe.on('error', () => undefined);
    await probe.connect();
    const allowed = new Map<string, boolean>();
    try {
      for (const { schema } of services) allowed.set(schema, await mayUseRole(probe, schema));
    } finally {
      await probe.end();
    }
    const root = new DatabaseRoot(
      new ConnectionBudget(config.DATABASE_POOL_SIZE ?? profile.max),
      [...allowed.values()].every(Boolean),
    );
    const driver = { ...pg, Pool: BudgetedPool };
    try {
      for (const { schema, entities } of services) {
        root.databases.set(
          schema,
          await Database.open({
            schema,
            entities,
            url: config.DATABASE_URL,
            budget: root.budget,
            acquireTimeoutMs,
            statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
            role: allowed.get(schema) ? roleName(schema) : undefined,
            driver,
          }),
        );
      }
    } catch (error) {
      await root.close();
      throw error;
    }
    return root;
  }

  /** @throws Error for a service that was not picked */
  get(schema: string): Database {
    const found = this.databases.get(schema);
    if (!found) throw new Error(`The database of ${schema} is not open in this process`);
    return found;
  }

  get schemas(): readonly string[] {
    return [...this.databases.keys()];
  }

  async close(): Promise<void> {
    for (const database of this.databases.values()) await database.close();
    this.databases.clear();
  }
}
