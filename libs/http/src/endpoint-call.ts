import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  HEADERS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
  REDIRECT_METADATA,
  RENDER_METADATA,
  ROUTE_ARGS_METADATA,
  RouteParamtypes,
  SSE_METADATA,
} from '@nestjs/common/internal';
import type { z } from 'zod';
import { type EndpointMetadata, endpointOf } from './endpoint.decorator.js';
import type { Exchange } from './exchange.js';
import { exchangeReader } from './param.decorator.js';
import { readQuery } from './read-body.js';
import { validationError } from './validation.pipe.js';

/** Calls one handler with its arguments, validated. What it returns or throws is the handler's. */
export type HandlerCall = (exchange: Exchange, body: unknown) => unknown;

/** A route that can be served without Nest's request pipeline. */
export interface EndpointCall {
  readonly endpoint: EndpointMetadata;
  readonly call: HandlerCall;
}

type Argument = (exchange: Exchange, body: unknown) => unknown;

interface ArgumentMetadata {
  readonly index: number;
  readonly data?: unknown;
  readonly pipes?: readonly unknown[];
  readonly schema?: z.ZodType;
  readonly factory?: object;
}

/** Whatever else decorators may ask of Nest for a route: such a route goes through its pipeline. */
const OF_NEST = [
  ...[GUARDS_METADATA, INTERCEPTORS_METADATA, PIPES_METADATA, EXCEPTION_FILTERS_METADATA],
  ...[HEADERS_METADATA, REDIRECT_METADATA, RENDER_METADATA, SSE_METADATA],
];

function validated(schema: z.ZodType, value: unknown): unknown {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) return result.then(accepted);
  return accepted(result);
}

function accepted(result: { readonly issues?: unknown; readonly value?: unknown }): unknown {
  if (result.issues) throw validationError(result.issues as never);
  return result.value;
}

/** How one argument is made; undefined when it needs Nest. */
function argument(key: string, metadata: ArgumentMetadata, edge: boolean): Argument | undefined {
  const { schema, data, factory } = metadata;
  if (data !== undefined || (metadata.pipes ?? []).length > 0) return undefined;
  if (factory) return exchangeReader(factory);
  if (!schema) return undefined;
  const type = Number(key.split(':')[0]);
  if (type === RouteParamtypes.BODY) return (_, body) => validated(schema, body);
  if (type === RouteParamtypes.QUERY) return (exchange) => validated(schema, readQuery(exchange, edge));
  if (type === RouteParamtypes.PARAM) return ({ params }) => validated(schema, params);
  return undefined;
}

function argumentsOf(type: Type, name: string, edge: boolean): Argument[] | undefined {
  const metadata = (Reflect.getMetadata(ROUTE_ARGS_METADATA, type, name) ?? {}) as Record<string, ArgumentMetadata>;
  const made: Argument[] = [];
  for (const [key, of] of Object.entries(metadata)) {
    const read = argument(key, of, edge);
    if (!read) return undefined;
    made[of.index] = read;
  }
  // Every parameter must be accounted for: a hole would reach the handler as `undefined`.
  const { length } = type.prototype[name] as { length: number };
  return Object.keys(made).length === made.length && made.length >= length ? made : undefined;
}

/**
 * Makes a plain function of a route: what Nest's guards, pipes and interceptors would do for it is done by the policy
 * chain and by whoever calls this. The controller stays what it is for Nest.
 *
 * @param controller the instance that Nest made
 * @param edge see {@link readBody}
 * @returns undefined when the route asks for something of Nest's pipeline: guards, pipes, interceptors or filters of
 * its own, the raw request or reply, a stream
 */
export function compileEndpoint(controller: object, type: Type, name: string, edge: boolean): EndpointCall | undefined {
  const handler = (type.prototype as Record<string, unknown>)[name] as (...args: unknown[]) => unknown;
  const endpoint = endpointOf(handler);
  if (!endpoint || (endpoint.produces ?? 'json') !== 'json' || endpoint.consumes === 'stream') return undefined;
  for (const key of OF_NEST) if (Reflect.hasMetadata(key, handler) || Reflect.hasMetadata(key, type)) return undefined;
  const made = argumentsOf(type, name, edge);
  if (!made) return undefined;
  return { endpoint, call: (exchange, body) => apply(controller, handler, made, exchange, body) };
}

function apply(
  controller: object,
  handler: (...args: unknown[]) => unknown,
  made: readonly Argument[],
  exchange: Exchange,
  body: unknown,
): unknown {
  const args: unknown[] = [];
  let later = false;
  for (const read of made) {
    const value = read(exchange, body);
    if (value instanceof Promise) later = true;
    args.push(value);
  }
  if (later) return Promise.all(args).then((all) => handler.apply(controller, all));
  return handler.apply(controller, args);
}
