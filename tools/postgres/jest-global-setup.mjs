import { randomBytes } from 'node:crypto';
import { startSharedTestDatabase } from './shared-test-database.ts';

/** Before a Jest run: one PostgreSQL for all of its workers, at `NEXUS_TEST_DATABASE_URL`, and a name for the run. */
export default async function setUp() {
  const isGiven = Boolean(process.env.NEXUS_TEST_DATABASE_URL);
  const database = await startSharedTestDatabase();
  process.env.NEXUS_TEST_DATABASE_URL = database.url;
  process.env.NEXUS_TEST_RUN = randomBytes(6).toString('hex');
  Object.assign(globalThis, { [Symbol.for('nexus.shared-test-database')]: { database, isGiven } });
}
