import { startSharedTestDatabase } from './shared-test-database.ts';

/** Before a Jest run: one PostgreSQL for all of its workers, at `NEXUS_TEST_DATABASE_URL`. */
export default async function setUp() {
  const database = await startSharedTestDatabase();
  process.env.NEXUS_TEST_DATABASE_URL = database.url;
  Object.assign(globalThis, { [Symbol.for('nexus.shared-test-database')]: database });
}
