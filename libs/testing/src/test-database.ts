import { createHash, randomBytes } from 'node:crypto';
import { defineConfig, loadConfig } from '@nexus/config';
import pg from 'pg';
import { z } from 'zod';

const testConfig = defineConfig('testing', {
  NEXUS_TEST_DATABASE_URL: {
    schema: z.url({ error: 'is not set: run specs through Jest, whose set-up starts PostgreSQL' }),
    description: 'PostgreSQL for specs, as its superuser.',
    secret: true,
  },
  NEXUS_TEST_RUN: {
    schema: z
      .string()
      .regex(/^[a-z0-9]{1,16}$/)
      .optional(),
    description: 'Name of the Jest run, whose specs share what one of them has migrated.',
  },
});

/** A database of a spec's own. */
export interface TestDatabase {
  readonly url: string;
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

async function asSuperuser<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'nexus-test' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Copying the files takes a tenth of what PostgreSQL's default does, which writes every page to its log. */
const create = (client: pg.Client, name: string, template: string) =>
  client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`);

const at = (server: string, name: string): string => {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
};

async function copyOf(server: string, template: string): Promise<TestDatabase> {
  const name = `nexus_test_${randomBytes(8).toString('hex')}`;
  await asSuperuser(server, (client) => create(client, name, template));
  return {
    url: at(server, name),
    drop: () =>
      asSuperuser(server, async (client) => void (await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))),
  };
}

/**
 * Makes an empty database on the PostgreSQL that Jest has started.
 * @throws ConfigError outside Jest's global set-up, when nothing says where PostgreSQL is
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  return copyOf(loadConfig([testConfig]).get(testConfig).NEXUS_TEST_DATABASE_URL, 'template0');
}

/** Makes the template once, whichever spec comes first: the others wait for it. */
async function ensureTemplate(
  server: string,
  template: string,
  migrate: (url: string) => Promise<unknown>,
): Promise<void> {
  await asSuperuser(server, async (client) => {
    // Given back with the connection.
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [template]);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (rowCount) return;
    // It gets its name when it is whole: a spec that fails here leaves nothing that the next would take for it.
    const unfinished = `${template}_new`;
    await client.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
    await create(client, unfinished, 'template0');
    await migrate(at(server, unfinished));
    await client.query(`ALTER DATABASE ${unfinished} RENAME TO ${template}`);
  });
}

/**
 * Makes a database that has been migrated: a copy of the one that the first spec of the run to ask for the same had
 * migrated. A spec of the migrations themselves takes {@link createTestDatabase}.
 * @param content all that decides what the migration does; equal content, equal database
 * @throws ConfigError as {@link createTestDatabase}
 */
export async function createMigratedDatabase(
  content: unknown,
  migrate: (url: string) => Promise<unknown>,
): Promise<TestDatabase> {
  const config = loadConfig([testConfig]).get(testConfig);
  const { NEXUS_TEST_DATABASE_URL: server, NEXUS_TEST_RUN: run } = config;
  if (run === undefined) {
    const database = await createTestDatabase();
    try {
      await migrate(database.url);
      return database;
    } catch (error) {
      await database.drop();
      throw error;
    }
  }
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
  const template = `nexus_template_${run}_${digest}`;
  await ensureTemplate(server, template, migrate);
  return copyOf(server, template);
}
