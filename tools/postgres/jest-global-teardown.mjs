import pg from 'pg';

/** Removes what the specs of this run have shared (libs/testing) from a server that stays. */
async function dropTemplates() {
  const client = new pg.Client(process.env.NEXUS_TEST_DATABASE_URL);
  await client.connect();
  try {
    const { rows } = await client.query('SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)', [
      `nexus_template_${process.env.NEXUS_TEST_RUN}_`,
    ]);
    for (const { name } of rows) await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  } finally {
    await client.end();
  }
}

/** After a Jest run: stops what jest-global-setup.mjs has started. */
export default async function tearDown() {
  const { database, isGiven } = Reflect.get(globalThis, Symbol.for('nexus.shared-test-database')) ?? {};
  if (isGiven) await dropTemplates();
  await database?.stop();
}
