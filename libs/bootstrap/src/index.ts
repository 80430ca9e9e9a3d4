export { type Composition, CompositionError, compose, parseTargets } from './compose.js';
export { collectControllers } from './controllers.js';
export { createApp, type NexusApp } from './create-app.js';
export {
  defineService,
  type Egress,
  type ForwarderFactory,
  type ForwarderParts,
  keepsData,
  type PortToken,
  type ProvidedPort,
  type ServiceDefinition,
} from './define-service.js';
export type {
  AddedRoutes,
  EdgeRoute,
  EdgeRoutes,
  EdgeRoutesFactory,
  EdgeRoutesParts,
  FoundRoute,
  RouteChanges,
} from './edge-routes.js';
export { HealthController } from './health.controller.js';
export {
  createInternalCalls,
  type InternalCalls,
  type InternalCallsOptions,
  type InternalPort,
} from './internal/internal-calls.js';
export { type OnServiceStart, startsWithService } from './lifecycle-hooks.js';
export { localPort } from './local-port.js';
export { migrateServices, schemaPlan } from './migrations.js';
export { ownContext } from './own-context.js';
export { loadProcessConfig, PLATFORM_SLICES } from './process-config.js';
export { type RunningApp, runApp } from './running-app.js';
export { type StartOptions, startTargets } from './start.js';
export { StartReport } from './start-report.js';
