export { AnswerInterceptor } from './answer.interceptor.js';
export { commonHeaders, endAnswer, errorBody, isUnderWay, writeAnswer, writeError } from './answer.js';
export { answerFailure } from './answer-failure.js';
export { sendEncoded } from './encode-answer.js';
export {
  Endpoint,
  type EndpointMetadata,
  type EndpointOptions,
  endpointOf,
  type FormField,
  successStatus,
} from './endpoint.decorator.js';
export { compileEndpoint, type EndpointCall } from './endpoint-call.js';
export { EndpointRunner } from './endpoint-runner.js';
export {
  assertRepresentation,
  assertVersion,
  type ExpectedVersion,
  entityTag,
  matchesNone,
  parseIfMatch,
} from './entity-tag.js';
export { NexusExceptionFilter } from './exception.filter.js';
export { Exchange, type ExchangeDefaults, exchangeOf, type RouteParams } from './exchange.js';
export { useExchange } from './fastify-setup.js';
export { IdempotencyInterceptor } from './idempotency.interceptor.js';
export { Idempotency, idempotencyKey } from './idempotency.js';
export { assertKey, IdempotencyStore, type KeptAnswer } from './idempotency-store.js';
export { keyShape } from './key-shape.js';
export { type LingerLimits, lingerOnClose } from './lingering-close.js';
export { comesFromThisMachine, isLocalVisitor, LOCAL_VISITOR_HEADER } from './local-visitor.js';
export { NexusFastifyAdapter } from './nexus-fastify-adapter.js';
export { formToBody, isCanonical, normaliseKeys } from './normalise.js';
export { buildOpenApi } from './openapi/build-openapi.js';
export { Caller, Ctx, IfMatch } from './param.decorator.js';
export { parseForm, parseJson } from './parse-body.js';
export { carriesBody, collectBody, hasBody, mediaTypeOf, readBody, readQuery } from './read-body.js';
export { type ReflectedRoute, reflectRoutes } from './reflect-routes.js';
export { cursorQuery, idParam, searchText, timestamp } from './schemas.js';
export { toAppError } from './to-app-error.js';
export { ValidationPipe, validationError } from './validation.pipe.js';
export { freeText, lineOfText, opaqueObject } from './value.schemas.js';
