import type { ForwarderParts } from '@nexus/bootstrap';
import type { RoutePolicy, ServiceName } from '@nexus/contracts';
import { answerFailure, type Exchange, hasBody, idempotencyKey } from '@nexus/http';
import type { AppError } from '@nexus/kernel';
import { ServicePoolError, type ServiceRequestOptions } from '@nexus/resilience';
import type { Dispatcher } from 'undici';
import { forwardStream } from './forward-stream.js';
import { type ForwardedBody, forwardedBody, forwardedPath } from './forwarded-body.js';
import { Forwarding } from './forwarding.js';
import { requestFields } from './request-fields.js';
import { StreamAgent } from './stream-agent.js';

/** Streams may be silent for so long, in ms; an event stream sends a comment far more often. */
const STREAM_SILENCE_MS = 120_000;

function dispatchOptions(
  exchange: Exchange,
  { body, contentType }: ForwardedBody,
  protocol: 'http' | 'https',
): ServiceRequestOptions {
  const headers = requestFields(exchange, protocol);
  if (contentType !== undefined) {
    const at = headers.indexOf('content-type');
    if (at >= 0) headers[at + 1] = contentType;
  }
  const left = exchange.deadline === Number.MAX_SAFE_INTEGER ? 0 : Math.max(1, exchange.deadline - Date.now());
  return {
    method: exchange.request.method as Dispatcher.HttpMethod,
    path: forwardedPath(exchange),
    headers,
    body: body ?? null,
    // Where the method does not say so already.
    ...(idempotencyKey(exchange) === undefined ? {} : { idempotent: true }),
    // HEAD and a DELETE with a body would otherwise cost their connection.
    reset: false,
    ...(left === 0 ? {} : { deadline: exchange.deadline }),
    headersTimeout: left,
    bodyTimeout: left === 0 ? STREAM_SILENCE_MS : left,
  };
}

/** Passes requests that the policy chain let through to the services that run elsewhere. */
export function createForwarder({
  upstream,
  logger,
  protocol,
  changesKnown,
}: ForwarderParts): (exchange: Exchange) => void {
  const ended = (exchange: Exchange, failure: AppError | undefined) => {
    // What the pool itself refuses is told once, when that begins; here it would be told for each request.
    if (failure === undefined || (failure.cause instanceof ServicePoolError && failure.cause.isRefusal)) return;
    logger.warn('A service gave no answer', {
      'event.action': 'upstream-failed',
      'http.request.id': exchange.id,
      'trace.id': exchange.trace.traceId,
      upstream: exchange.route?.service,
      operation: exchange.route?.operation,
      error: failure.cause ?? failure,
    });
  };
  const agents = new Map<ServiceName, StreamAgent>();
  const agentOf = (service: ServiceName) => {
    let agent = agents.get(service);
    if (!agent) {
      agent = new StreamAgent(upstream(service));
      agents.set(service, agent);
    }
    return agent;
  };
  const stream = (exchange: Exchange, { service }: RoutePolicy) =>
    forwardStream(
      exchange,
      { agent: agentOf(service), path: forwardedPath(exchange), headers: requestFields(exchange, protocol) },
      new Forwarding(exchange, ended, changesKnown),
    );
  const send = (exchange: Exchange, route: RoutePolicy, body: ForwardedBody) => {
    if (exchange.response.headersSent || exchange.response.destroyed) return;
    upstream(route.service).dispatch(
      dispatchOptions(exchange, body, protocol),
      new Forwarding(exchange, ended, changesKnown),
    );
  };
  return (exchange) => {
    const { route } = exchange;
    try {
      if (!route) throw new Error('A request without a route was to be forwarded');
      // Whoever listens holds a connection for as long as he likes, and those of the pool are for all.
      if (route.produces === 'sse' || (route.consumes === 'stream' && hasBody(exchange))) {
        stream(exchange, route);
        return;
      }
      const body = forwardedBody(exchange);
      if (!(body instanceof Promise)) send(exchange, route, body);
      else {
        body.then((ready) => send(exchange, route, ready)).catch((error) => answerFailure(logger, exchange, error));
      }
    } catch (error) {
      answerFailure(logger, exchange, error);
    }
  };
}
