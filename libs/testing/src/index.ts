export { type CertificateSet, type LeafOptions, TestAuthority } from './certificates.js';
export { FaultLink } from './fault-link.js';
export { LoadProcess } from './load-process.js';
export { MemoryUserDirectory } from './memory-user-directory.js';
export type { LoadCounts, LoadKind } from './mixed-load.js';
export {
  type ContractCall,
  type ContractCase,
  eventually,
  type PortContractOptions,
  portContract,
} from './port-contract.js';
export {
  CONTRACT_CALLER,
  closeServer,
  listenSomewhere,
  openPortHarness,
  type PortHarness,
  type PortSide,
  serveTestPort,
} from './port-harness.js';
export { createServicesDatabase } from './services-database.js';
export { type ReceivedMail, type SmtpScript, SmtpServer } from './smtp-server.js';
export { runSource, type SourceProcess } from './source-process.js';
export {
  type CallOptions,
  type PortDouble,
  startTestApp,
  type TestApp,
  type TestAppOptions,
  type TestReply,
} from './test-app.js';
export { testContext, testServiceContext, testUser } from './test-context.js';
export { createTestDatabase, type TestDatabase } from './test-database.js';
export { openTestPlatform, type TestPlatform } from './test-platform.js';
export { openTestService, type TestService, type TestServiceOptions } from './test-service.js';
export { TEST_ISSUER, type TokenFacts, TokenMint } from './token-mint.js';
