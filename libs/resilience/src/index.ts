export {
  type BreakerOptions,
  CircuitBreaker,
  type CircuitState,
  REFUSED,
} from './circuit-breaker.js';
export { ConcurrencyLimit, type ConcurrencyLimitOptions, PRIORITIES, type Priority } from './concurrency-limit.js';
export { DEADLINE_HEADER, deadlineFrom, deadlineHeader, remainingMs } from './deadline.js';
export { type FileWatchOptions, watchFiles } from './file-watch.js';
export { KEEP_ALIVE_MAX_MS, KEEP_ALIVE_UNKNOWN_MS } from './keep-alive.js';
export { OutOfTime } from './out-of-time.js';
export { type ResilienceConfig, resilienceConfig } from './resilience.config.js';
export { RetryBudget, type RetryBudgetOptions } from './retry-budget.js';
export { MAX_RETRIES, retryAfterMs, retryDelayMs } from './retry-delay.js';
export { attachReload, peerServices, secureServerOptions } from './secure-server.js';
export type { Lookup } from './service-names.js';
export { ServicePool } from './service-pool.js';
export { ServicePoolError, type ServicePoolErrorCode } from './service-pool-error.js';
export type { PoolState, ServicePoolOptions } from './service-pool-options.js';
export { type ServiceRequestOptions, SHED_HEADER } from './service-request.js';
export type { ReachedAddress } from './service-upstreams.js';
export { type ServiceOrigin, serviceOrigins, serviceUrlFaults } from './service-urls.js';
export { type SpiffeIdentity, spiffeIdentity } from './spiffe.js';
export { type TlsConfig, tlsConfig, tlsConfigRule } from './tls.config.js';
export { type TlsIdentity, type TlsIdentityRules, TlsMaterialError, type TlsPem } from './tls-identity.js';
export { TlsMaterial, type TlsMaterialOptions, type TlsSources } from './tls-material.js';
export type { AddressEvent, AddressState } from './upstream-address.js';
