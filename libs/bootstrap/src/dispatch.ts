import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Type } from '@nestjs/common';
import type { ServiceName } from '@nexus/contracts';
import {
  answerFailure,
  compileEndpoint,
  type EndpointCall,
  type EndpointRunner,
  type Exchange,
  readBody,
} from '@nexus/http';
import type { Logger } from '@nexus/observability';
import type { EdgeRoute } from './edge-routes.js';
import type { Handler } from './listeners.js';

/** Nest's pipeline behind Fastify's router. */
export type NestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Finds the instance that Nest made of a controller. */
type FindController = (type: Type) => object;

/** The plain routes of some controllers, by operation. */
export function compileEndpoints(
  controllers: readonly Type[],
  find: FindController,
  edge: boolean,
): Map<string, EndpointCall> {
  const calls = new Map<string, EndpointCall>();
  for (const controller of controllers) {
    for (const name of Object.getOwnPropertyNames(controller.prototype)) {
      if (name === 'constructor') continue;
      const compiled = compileEndpoint(find(controller), controller, name, edge);
      if (compiled) calls.set(compiled.endpoint.operation, compiled);
    }
  }
  return calls;
}

/**
 * Hands what the policy chain let pass to its handler: with its body read, straight to a plain route's function, and to
 * Nest's pipeline for the rest. What belongs to a service that runs elsewhere goes there as it came.
 */
export function createDispatch(parts: {
  readonly calls: ReadonlyMap<string, EndpointCall>;
  readonly runner: EndpointRunner;
  readonly nest: NestHandler;
  /** Takes the requests of services that run elsewhere. */
  readonly forward: Handler | undefined;
  readonly elsewhere: ReadonlySet<ServiceName>;
  readonly edge: boolean;
  readonly logger: Logger;
}): Handler {
  const { calls, runner, nest, forward, elsewhere, edge, logger } = parts;
  const serve = (exchange: Exchange) => {
    const call = calls.get(exchange.route?.operation ?? '');
    if (call) runner.run(call, exchange, exchange.body);
    else nest(exchange.request, exchange.response);
  };
  const takeOver: Handler = (exchange) => {
    if (forward && exchange.route && elsewhere.has(exchange.route.service)) {
      forward(exchange);
      return;
    }
    const reading = readBody(exchange, edge);
    if (!reading) {
      // A stream: its handler reads it.
      exchange.sayContinue();
      serve(exchange);
      return;
    }
    reading.then(
      (body) => {
        // Its time was up while the body came.
        if (exchange.response.headersSent || exchange.response.destroyed) return;
        exchange.body = body;
        serve(exchange);
      },
      (error: unknown) => {
        exchange.fill?.fill.release();
        answerFailure(logger, exchange, error);
      },
    );
  };
  return (exchange) => {
    const handle = (exchange.route as EdgeRoute | undefined)?.handle;
    if (handle) handle(exchange, takeOver);
    else takeOver(exchange);
  };
}
