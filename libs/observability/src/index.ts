export { ecsRecord } from './ecs-record.schemas.js';
export { DURATION_BUCKETS, HttpMetrics, type HttpObservation, httpMetrics } from './http-metrics.js';
export { LatencyHistogram } from './latency-histogram.js';
export {
  FdDestination,
  type FdDestinationOptions,
  type LogDestination,
  MemoryDestination,
} from './log-destination.js';
export { contextFields, type LogFields } from './log-fields.js';
export { type LoggedUrl, loggedUrl } from './logged-url.js';
export {
  createLogger,
  flushLogs,
  LOG_LEVELS,
  LOGGER,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  lostLogLines,
  MAX_LINE_BYTES,
  openLogFile,
  type RecordLevel,
} from './logger.js';
export { type LoopDelay, LoopMonitor } from './loop-monitor.js';
export {
  type Collect,
  type CollectorOptions,
  registerCollector,
  renderMetrics,
  resetMetrics,
  type Sample,
} from './metric-registry.js';
export { MetricsModule } from './metrics.module.js';
export { NestLogger } from './nest-logger.js';
export { type ObservabilityConfig, observabilityConfig } from './observability.config.js';
export { openFdDestination } from './open-destination.js';
export { isSecretKey, REDACTED, scrub } from './redaction.js';
export {
  isLoggedRequest,
  logRequest,
  REQUEST_LOG_MODES,
  type RequestLogMode,
  type RequestRecord,
  UNMATCHED_ROUTE,
} from './request-log.js';
export {
  formatTraceparent,
  type HeaderValue,
  newSpanId,
  parseTraceparent,
  parseTracestate,
  startTrace,
  type Traceparent,
} from './trace-context.js';
