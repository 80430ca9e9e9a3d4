import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type CallContext, errors, type UserActor } from '@nexus/kernel';
import type { FastifyRequest } from 'fastify';
import { type ExpectedVersion, parseIfMatch } from './entity-tag.js';
import { exchangeOf } from './exchange.js';

function raw(context: ExecutionContext) {
  return context.switchToHttp().getRequest<FastifyRequest>().raw;
}

/** The {@link CallContext} of the request. */
export const Ctx = createParamDecorator(
  (_: unknown, context: ExecutionContext): CallContext => exchangeOf(raw(context)).callContext(),
);

/** The signed-in caller; on a route that is not public there always is one. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): UserActor => {
  const { actor } = exchangeOf(raw(context));
  if (actor.kind !== 'user') throw errors.unauthenticated();
  return actor;
});

/** What `If-Match` asks of the resource's version; undefined when the client asks nothing. */
export const IfMatch = createParamDecorator((_: unknown, context: ExecutionContext): ExpectedVersion | undefined =>
  parseIfMatch(raw(context).headers['if-match']),
);
