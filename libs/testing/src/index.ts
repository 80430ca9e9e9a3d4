export { testContext, testServiceContext, testUser } from './test-context.js';
export { createTestDatabase, type TestDatabase } from './test-database.js';
export { openTestPlatform, type TestPlatform } from './test-platform.js';
