export {
  type Actor,
  ANONYMOUS,
  type AnonymousActor,
  ROLES,
  type Role,
  type ServiceActor,
  serviceActor,
  type UserActor,
} from './actor.js';
export {
  AppError,
  type CatalogueEntry,
  defineErrors,
  type ErrorDefinition,
  type ErrorDetail,
  type ErrorFactory,
  type ErrorOptions,
  errorCatalogue,
} from './app-error.js';
export type { CallContext, TraceContext } from './call-context.js';
export { type Clock, systemClock } from './clock.js';
export { type CursorPosition, decodeCursor, encodeCursor, type Page } from './cursor.js';
export { atEndOfTurn } from './end-of-turn.js';
export { errors } from './errors.js';
export { isUuid, isUuidV4, randomHex, randomToken, uuidv4, uuidv7 } from './id.js';
export { RecentMap } from './recent-map.js';
export { remembered } from './remembered.js';
export { within } from './within.js';
