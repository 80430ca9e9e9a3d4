import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { AccessTokenVerifier } from '@nexus/auth-guards';
import type { ResponseCache, SharedAnswers } from '@nexus/caching';
import { wireHeaders } from '@nexus/clients';
import { type Config, platformConfig, publicUrl } from '@nexus/config';
import type { ServiceName } from '@nexus/contracts';
import type { Exchange, ExchangeDefaults } from '@nexus/http';
import { ANONYMOUS } from '@nexus/kernel';
import {
  type HttpMetrics,
  httpMetrics,
  isLoggedRequest,
  type Logger,
  logRequest,
  observabilityConfig,
  type RequestLogMode,
} from '@nexus/observability';
import { resilienceConfig } from '@nexus/resilience';
import {
  type AddressKey,
  addressKey,
  canonicalAddress,
  LocalRateLimiter,
  type RateDecision,
  type RateLimiter,
  rateHeaders,
  TrustedProxies,
  throttlingConfig,
  tierLimit,
} from '@nexus/throttling';
import { admit } from './chain/admit.js';
import type { ApiKeyCallers } from './chain/api-key-callers.js';
import { answerFromCache } from './chain/cached-answer.js';
import type { CrashReport, Step } from './chain/chain.js';
import { cors } from './chain/cors.js';
import { credentials } from './chain/credentials.js';
import { Door } from './chain/door.js';
import type { FrontOptions } from './chain/front.js';
import { gate } from './chain/gate.js';
import { hopDeadline } from './chain/hop-deadline.js';
import { InFlight } from './chain/in-flight.js';
import { callerLimit, coarseLimit, type LimitCounters } from './chain/limits.js';
import { findRoute, type RouteTable } from './chain/route-table.js';
import { edgeConfig } from './edge.config.js';

const HSTS = 'max-age=31536000; includeSubDomains';

/** A gateway that hears of the answer to a change knows the change before it passes the answer on. */
function tellChanges(shared: SharedAnswers, { method }: IncomingMessage): readonly string[] {
  return method === 'GET' || method === 'HEAD' ? [] : [wireHeaders.changes, String(shared.told)];
}

/** By what callers are known. */
export interface CallerChecks {
  readonly verifier: AccessTokenVerifier;
  /** Absent where no API keys are taken. */
  readonly keys: ApiKeyCallers | undefined;
}

/** What the policy chain of a process is made of, and what it counts. */
export class PolicyParts {
  readonly inFlight: InFlight;
  readonly door: Door;
  readonly limits: LimitCounters = { allowed: 0, refused: 0 };
  /** Of addresses: what protects this process alone is counted by it alone, and asks nobody. */
  readonly addresses = new LocalRateLimiter();
  readonly defaults: { headers: readonly string[]; closing: boolean };
  readonly internalDefaults: { headers: readonly string[]; closing: boolean; late: ExchangeDefaults['late'] };
  readonly metrics: HttpMetrics;
  readonly proxies: TrustedProxies;
  /** Which requests get an access line, by who sent them. */
  readonly logged: Readonly<Record<ListenerRole, RequestLogMode>>;

  constructor(
    readonly config: Config,
    /** Of callers: of all processes together, where there are several. */
    readonly limiter: RateLimiter,
    readonly cache: ResponseCache,
    /** What all processes keep together; absent without Redis. */
    readonly shared: SharedAnswers | undefined,
    readonly callers: CallerChecks,
    readonly logger: Logger,
    /** Services that run elsewhere. */
    elsewhere: readonly ServiceName[] = [],
  ) {
    const door = new Door(config.get(resilienceConfig), new Set(elsewhere));
    this.door = door;
    this.inFlight = new InFlight(Date.now, () => door.limit.look());
    const secure = publicUrl(config.get(platformConfig)).startsWith('https:');
    this.defaults = {
      headers: [
        'X-Content-Type-Options',
        'nosniff',
        'Referrer-Policy',
        'no-referrer',
        ...(secure ? ['Strict-Transport-Security', HSTS] : []),
      ],
      closing: false,
    };
    this.internalDefaults = {
      headers: [],
      closing: false,
      late: shared && ((request) => tellChanges(shared, request)),
    };
    this.metrics = httpMetrics();
    const { LOG_REQUESTS, LOG_INTERNAL_REQUESTS } = config.get(observabilityConfig);
    this.logged = { edge: LOG_REQUESTS, internal: LOG_INTERNAL_REQUESTS };
    const throttling = config.get(throttlingConfig);
    this.proxies = new TrustedProxies(throttling.TRUSTED_PROXIES, throttling.TRUSTED_PROXY_HEADER);
  }

  /** From now on every answer closes its connection, so that clients go elsewhere. */
  announceStop(): void {
    this.defaults.closing = true;
    this.internalDefaults.closing = true;
  }
}

/** The steps of a listener for clients; one for the platform's own has no limits and no CORS: the edge has seen to it. */
function steps(parts: PolicyParts, routes: RouteTable, role: ListenerRole): Step[] {
  const { config, limiter, addresses, cache, shared, callers, limits, door } = parts;
  const { verifier, keys } = callers;
  const throttling = config.get(throttlingConfig);
  const origins = cors(config.get(edgeConfig).CORS_ORIGINS);
  if (role === 'internal')
    // With Redis the gateways keep what is asked for by them.
    return [
      admit,
      findRoute(routes),
      door.guard(true),
      hopDeadline,
      credentials(verifier),
      gate(routes),
      ...(shared ? [] : [answerFromCache(cache)]),
    ];
  return [
    admit,
    findRoute(routes),
    door.guard(false),
    coarseLimit(addresses, throttling, limits),
    origins.announce,
    credentials(verifier, keys),
    callerLimit(limiter, throttling, limits),
    origins.preflight,
    gate(routes),
    answerFromCache(cache, shared),
  ];
}

function crashReport(logger: Logger): CrashReport {
  return (exchange, error) =>
    logger.error('The policy chain crashed', {
      'http.request.id': exchange.id,
      'trace.id': exchange.trace.traceId,
      error,
    });
}

function finished(parts: PolicyParts, logged: RequestLogMode, exchange: Exchange): void {
  const { request, response, route } = exchange;
  // 499: the client went away before an answer, as nginx logs it.
  const status = response.headersSent ? response.statusCode : 499;
  const durationMs = Math.max(0, performance.now() - exchange.startedMark);
  parts.door.leave(exchange, durationMs);
  const method = request.method ?? '';
  const service = route?.service ?? 'gateway';
  parts.metrics.observe({ service, route: route?.path, method, status, durationSeconds: durationMs / 1000 });

  if (!isLoggedRequest(logged, status)) return;
  logRequest(parts.logger, {
    service,
    method,
    route: route?.path,
    url: request.url ?? '',
    status,
    durationMicros: Math.round(durationMs * 1000),
    requestId: exchange.id,
    // What a client or a gateway sent, `front` has looked at.
    idsChecked: true,
    traceId: exchange.trace.traceId,
    spanId: exchange.trace.spanId,
    actorId: exchange.actor.kind === 'anonymous' ? undefined : exchange.actor.id,
    clientAddress: exchange.address,
    cache: exchange.cacheStatus,
    errorCode: exchange.errorCode,
  });
}

/** What is no HTTP counts as an anonymous request of its address. @returns header names and values in turn */
function countFault({ limiter, config }: PolicyParts, address: AddressKey): string[] | Promise<string[]> {
  const limit = tierLimit(config.get(throttlingConfig), ANONYMOUS, address);
  const decision = limit && limiter.consume(limit.key, limit.limit, limit.windowMs);
  const announced = (made: RateDecision) => Object.entries(rateHeaders(made)).flat();
  if (decision === undefined) return [];
  return decision instanceof Promise ? decision.then(announced) : announced(decision);
}

/** Who sends to a listener: clients, or the platform's own processes. */
export type ListenerRole = 'edge' | 'internal';

/**
 * How a listener of this process treats what it takes, for the routes it serves.
 * @param isFromGateway whether a request comes from a gateway, which alone knows the client's address
 */
export function policySteps(
  parts: PolicyParts,
  routes: RouteTable,
  role: ListenerRole,
  isFromGateway: (request: IncomingMessage) => boolean = () => false,
): FrontOptions {
  return {
    steps: steps(parts, routes, role),
    // What every answer to a client carries, the gateway adds.
    defaults: role === 'edge' ? parts.defaults : parts.internalDefaults,
    inFlight: parts.inFlight,
    isFromGateway,
    addressOf: (request: IncomingMessage, viaGateway: boolean) => {
      const { remoteAddress } = request.socket;
      if (role === 'internal') {
        const told = viaGateway ? request.headers[wireHeaders.clientAddress] : undefined;
        return (typeof told === 'string' ? canonicalAddress(told) : canonicalAddress(remoteAddress)) ?? 'unknown';
      }
      return parts.proxies.clientAddress(remoteAddress, request.headers);
    },
    crashed: crashReport(parts.logger),
    countFault: (socket: Socket) => {
      if (role === 'internal') return [];
      return countFault(parts, addressKey(parts.proxies.clientAddress(socket.remoteAddress, {})));
    },
    finished: (exchange) => finished(parts, parts.logged[role], exchange),
  };
}
