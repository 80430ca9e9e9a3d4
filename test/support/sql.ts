import pg from 'pg';

/** Runs a statement on the server of the tests, as its superuser. */
export async function sql(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: process.env.NEXUS_TEST_DATABASE_URL });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
