export {
  defineEvent,
  type EventData,
  type EventDefinition,
  type EventEnvelope,
  eventEnvelope,
  newEventId,
  queueName,
  SERVICE_NAMES,
  type ServiceName,
} from './event.js';
export { accountChanged, accountRegistered, passwordChanged } from './events/account.event.js';
export { ALL_EVENTS } from './events/all-events.js';
export { projectMemberAdded } from './events/project.event.js';
export { USER_STATUSES, userStatusChanged } from './events/user.event.js';
export {
  definePort,
  type PortClass,
  type PortContract,
  type PortDefinition,
  type PortMethod,
  type StreamWatch,
} from './port.js';
export { ApiKeys, type ExchangedKey } from './ports/api-keys.port.js';
export {
  PROJECT_ROLES,
  type ProjectAccess,
  ProjectDirectory,
  type ProjectRole,
  projectAccess,
} from './ports/project-directory.port.js';
export { type AccountStatus, Sessions } from './ports/sessions.port.js';
export { type PublicJwk, publicJwk, type Revocation, revocation, TokenTrust } from './ports/token-trust.port.js';
export {
  type AccountFacts,
  accountFacts,
  type DirectoryUser,
  directoryUser,
  UserDirectory,
} from './ports/user-directory.port.js';
export type { CacheAudience, KeyShape, RoutePolicy } from './route.js';
export { ROUTE_MANIFEST } from './route-manifest.generated.js';
