import pg from 'pg';
import { DataSource, type MigrationInterface } from 'typeorm';
import { platformTables } from './platform-tables.migration.js';

export type MigrationClass = new () => MigrationInterface;

/** What a schema needs from a migration run. */
export interface SchemaPlan {
  readonly schema: string;
  /** Oldest first; the platform's own tables come before them. */
  readonly migrations: readonly MigrationClass[];
  /** Off for schemas that are no service's. */
  readonly platformTables?: boolean;
  /** What the roles of the services may do here; by default the schema's own role may read and write. */
  readonly grants?: { readonly to: 'own' | 'all'; readonly privileges: string };
}

/** Key of the advisory lock that lets one migration run at a time: "nexus" in ASCII. */
const LOCK = 0x6e65787573;

/** The role of a service in the database. */
export function roleName(service: string): string {
  return `nexus_${service}`;
}

/** True when the login may take on the service's role. Before PostgreSQL 16 every member of a role may. */
export async function mayUseRole(client: pg.ClientBase, service: string): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT CASE WHEN to_regrole($1) IS NULL THEN false
                 ELSE pg_has_role(current_user, to_regrole($1)::oid,
                        CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)
            END AS may`,
    [roleName(service)],
  );
  return (rows[0] as { may: boolean }).may;
}

async function ensureRole(client: pg.Client, service: string): Promise<boolean> {
  const role = roleName(service);
  const { rows } = await client.query(
    `SELECT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS able, to_regrole($1) IS NOT NULL AS there`,
    [role],
  );
  const { able, there } = rows[0] as { able: boolean; there: boolean };
  if (!there) {
    if (!able) return false;
    // Roles belong to the whole server: another database's migration may create it at the same moment.
    await client.query(
      `DO $$ BEGIN CREATE ROLE ${role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
    );
  }
  if (able && !(await mayUseRole(client, service))) await client.query(`GRANT ${role} TO CURRENT_USER`);
  return mayUseRole(client, service);
}

async function withLock<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'nexus-migrate' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    return await work(client);
  } finally {
    await client.end();
  }
}

async function dataSource(url: string, plan: SchemaPlan): Promise<DataSource> {
  const own = plan.platformTables === false ? [] : [platformTables(plan.schema)];
  const source = new DataSource({
    type: 'postgres',
    url,
    schema: plan.schema,
    applicationName: 'nexus-migrate',
    poolSize: 1,
    installExtensions: false,
    migrations: [...own, ...plan.migrations] as never[],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
  });
  return source.initialize();
}

async function grant(client: pg.Client, plan: SchemaPlan, roles: readonly string[]): Promise<void> {
  const privileges = plan.grants?.privileges ?? 'SELECT, INSERT, UPDATE, DELETE';
  const to = plan.grants?.to === 'all' ? roles : roles.filter((role) => role === roleName(plan.schema));
  for (const role of to) {
    await client.query(`GRANT USAGE ON SCHEMA "${plan.schema}" TO ${role}`);
    await client.query(`GRANT ${privileges} ON ALL TABLES IN SCHEMA "${plan.schema}" TO ${role}`);
    await client.query(`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "${plan.schema}" TO ${role}`);
  }
}

/** Further work under the migration lock (the queues), told which roles exist. */
export type MigrationStep = (client: pg.Client) => Promise<SchemaPlan>;

/**
 * Brings every schema up to date, one run at a time over all replicas. Roles are created where the login may;
 * where it may not, every service connects as the login itself.
 *
 * @returns names of the migrations that were applied
 */
export async function migrate(
  url: string,
  plans: readonly SchemaPlan[],
  services: readonly string[],
  steps: readonly MigrationStep[] = [],
): Promise<string[]> {
  return withLock(url, async (client) => {
    const applied: string[] = [];
    const roles: string[] = [];
    for (const service of services) if (await ensureRole(client, service)) roles.push(roleName(service));
    for (const plan of plans) {
      await client.query(`CREATE SCHEMA IF NOT EXISTS "${plan.schema}"`);
      const source = await dataSource(url, plan);
      try {
        const done = await source.runMigrations();
        applied.push(...done.map((migration) => `${plan.schema}.${migration.name}`));
      } finally {
        await source.destroy();
      }
      await grant(client, plan, roles);
    }
    for (const step of steps) await grant(client, await step(client), roles);
    return applied;
  });
}

/** Takes back the newest migration of a schema; for tests and for a release that must be undone. */
export async function revertLast(url: string, plan: SchemaPlan): Promise<void> {
  await withLock(url, async () => {
    const source = await dataSource(url, plan);
    try {
      await source.undoLastMigration();
    } finally {
      await source.destroy();
    }
  });
}
