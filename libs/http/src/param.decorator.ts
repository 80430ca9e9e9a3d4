import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type CallContext, errors, type UserActor } from '@nexus/kernel';
import type { FastifyRequest } from 'fastify';
import { type ExpectedVersion, parseIfMatch } from './entity-tag.js';
import { type Exchange, exchangeOf } from './exchange.js';

type Reader<T> = (exchange: Exchange) => T;

const readers = new WeakMap<object, Reader<unknown>>();

/** A parameter decorator that reads the exchange alone, so that it needs nothing of Nest's pipeline. */
function exchangeParam<T>(read: Reader<T>): () => ParameterDecorator {
  const factory = (_: unknown, context: ExecutionContext): T =>
    read(exchangeOf(context.switchToHttp().getRequest<FastifyRequest>().raw));
  readers.set(factory, read);
  return createParamDecorator(factory);
}

/** How a parameter made by one of the decorators below is read; `undefined` for other decorators. */
export function exchangeReader(factory: object): Reader<unknown> | undefined {
  return readers.get(factory);
}

/** The {@link CallContext} of the request. */
export const Ctx = exchangeParam((exchange): CallContext => exchange.callContext());

/** The signed-in caller; on a route that is not public there always is one. */
export const Caller = exchangeParam(({ actor }): UserActor => {
  if (actor.kind !== 'user') throw errors.unauthenticated();
  return actor;
});

/** What `If-Match` asks of the resource's version; undefined when the client asks nothing. */
export const IfMatch = exchangeParam(({ request }): ExpectedVersion | undefined =>
  parseIfMatch(request.headers['if-match']),
);
