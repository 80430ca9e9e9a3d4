import type { IncomingMessage } from 'node:http';
import type { EdgeRoute } from '@nexus/bootstrap';
import { answerFailure, type Exchange, hasBody, writeError } from '@nexus/http';
import type { AppError } from '@nexus/kernel';
import type { Logger } from '@nexus/observability';
import type { Dispatcher } from 'undici';
import { forwardStream } from '../proxy/forward-stream.js';
import { Forwarding } from '../proxy/forwarding.js';
import { type AnswerChange, AnswerTransform } from '../proxy/transform-answer.js';
import { headersChange } from '../proxy/transform-fields.js';
import type { Upgrades } from '../proxy/upgrade.js';
import { upstreamFailure } from '../proxy/upstream-error.js';
import { type ForeignRequest, foreignRequest, limitStream } from './foreign-request.js';
import type { ForeignUpstream } from './foreign-upstream.js';
import type { DeclaredRoute } from './routes-file.schemas.js';
import { SingleConnection } from './single-connection.js';

/** A stream may be silent for so long, in ms. */
const SILENCE_MS = 120_000;
const TIMEOUT_MS = 10_000;
const JSON_BYTES = 1024 * 1024;
const STREAM_BYTES = 100 * 1024 * 1024;
const ANSWER_BYTES = 1024 * 1024;
/** A body up to so many bytes is held until it is whole, and goes on a pooled connection. */
const SMALL_BYTES = 64 * 1024;

/** What the routes of a gateway have in common. */
export interface ForeignParts {
  readonly logger: Logger;
  /** By which clients come. */
  readonly protocol: 'http' | 'https';
  readonly upgrades: Upgrades;
}

type Method = EdgeRoute['method'];

function policyOf(route: DeclaredRoute, method: Method): EdgeRoute {
  const { access, limits, consumes, events } = route;
  return {
    service: 'gateway',
    method,
    path: route.path,
    operation: `route:${route.name}`,
    access: { public: access === 'public', roles: typeof access === 'object' ? access.roles : [], scopes: [] },
    limits: {
      bodyBytes: limits.body_bytes ?? (consumes === 'json' ? JSON_BYTES : STREAM_BYTES),
      // The body of an upload and the events of a stream take their time.
      timeoutMs: limits.timeout_ms ?? (events || (consumes === 'stream' && method !== 'GET') ? 0 : TIMEOUT_MS),
    },
    consumes: method === 'GET' ? 'none' : consumes,
    // Whether a client takes what comes is between it and the server, but for what the gateway itself writes.
    produces: events ? 'sse' : route.response.envelope ? 'json' : 'binary',
    priority: method === 'GET' ? 'user_read' : 'user_write',
    idempotency: 'none',
    idParams: [],
    upgrades: method === 'GET' && route.websocket,
  };
}

/** Whether Node has left the connection to the request, which only such a route makes it do. */
function asksForUpgrade(request: IncomingMessage & { readonly upgrade?: boolean | null }): boolean {
  return request.upgrade === true;
}

/** Passes the requests of one route to servers outside the platform. */
class ForeignRoute {
  private readonly request: ForeignRequest;
  private readonly change: AnswerChange | undefined;

  constructor(
    private readonly route: DeclaredRoute,
    private readonly upstream: ForeignUpstream,
    private readonly parts: ForeignParts,
  ) {
    this.request = foreignRequest(route, parts.protocol);
    const headers = headersChange(route.response.headers);
    const envelope = route.response.envelope ? { maxBytes: route.limits.answer_bytes ?? ANSWER_BYTES } : undefined;
    this.change = headers || envelope ? { headers, envelope } : undefined;
  }

  serve(exchange: Exchange): void {
    if (asksForUpgrade(exchange.request)) {
      this.parts.upgrades.open(exchange, {
        target: this.request.target(exchange),
        fields: this.request.fields(exchange),
        connect: () => this.upstream.connect(),
        name: this.route.name,
      });
      return;
    }
    const target = this.request.target(exchange);
    if (!hasBody(exchange)) this.send(exchange, target, undefined);
    else if (this.isHeld(exchange)) {
      const { bodyBytes } = (exchange.route as EdgeRoute).limits;
      this.request.body(exchange, bodyBytes).then(
        (body) => this.send(exchange, target, body),
        (error: unknown) => answerFailure(this.parts.logger, exchange, error),
      );
    } else void this.stream(exchange, target);
  }

  private isHeld({ request: { headers }, awaitsContinue }: Exchange): boolean {
    if (this.route.consumes === 'json') return true;
    const length = headers['content-length'];
    return length !== undefined && Number(length) <= SMALL_BYTES && !awaitsContinue;
  }

  /** Takes the answer. */
  private answer(exchange: Exchange): Forwarding | AnswerTransform {
    const forwarding = new Forwarding(exchange, (_, failure) => this.ended(exchange, failure));
    const change = this.change;
    if (!change) return forwarding;
    const request = { id: exchange.id, isHead: exchange.request.method === 'HEAD' };
    return new AnswerTransform(change, request, forwarding);
  }

  private ended(exchange: Exchange, failure: AppError | undefined): void {
    if (!failure) return;
    this.parts.logger.warn('A server outside the platform gave no answer', {
      'event.action': 'upstream-failed',
      'http.request.id': exchange.id,
      'trace.id': exchange.trace.traceId,
      operation: exchange.route?.operation,
      error: failure.cause ?? failure,
    });
  }

  private send(exchange: Exchange, path: string, body: Buffer | undefined): void {
    const { request, response, deadline } = exchange;
    if (response.headersSent || response.destroyed) return;
    const method = request.method as Dispatcher.HttpMethod;
    const left = deadline === Number.MAX_SAFE_INTEGER ? 0 : Math.max(1, deadline - Date.now());
    this.upstream.dispatch(
      {
        method,
        path,
        headers: this.request.fields(exchange),
        body: body ?? null,
        idempotent: method !== 'POST' && method !== 'PATCH',
        reset: false,
        headersTimeout: left,
        bodyTimeout: SILENCE_MS,
      },
      this.answer(exchange),
    );
  }

  /** A body that is not held cannot be sent twice: it goes on a connection that nobody has used before. */
  private async stream(exchange: Exchange, path: string): Promise<void> {
    try {
      const { socket, host } = await this.upstream.connect();
      const { response } = exchange;
      if (response.headersSent || response.destroyed) {
        socket.destroy();
        return;
      }
      socket.setTimeout(SILENCE_MS, () => socket.destroy());
      limitStream(exchange, (exchange.route as EdgeRoute).limits.bodyBytes);
      const agent = new SingleConnection(socket);
      forwardStream(exchange, { agent, path, headers: this.request.fields(exchange), host }, this.answer(exchange));
    } catch (error) {
      const failure = upstreamFailure(error);
      this.ended(exchange, failure);
      if (!exchange.request.complete) exchange.close = true;
      writeError(exchange, failure);
    }
  }
}

/** The routes that a declaration makes: one for each method. */
export function foreignRoutes(route: DeclaredRoute, upstream: ForeignUpstream, parts: ForeignParts): EdgeRoute[] {
  const served = new ForeignRoute(route, upstream, parts);
  return route.methods.map((method) => ({
    ...policyOf(route, method),
    handle: (exchange: Exchange) => served.serve(exchange),
  }));
}
