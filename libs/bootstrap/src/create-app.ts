import { createServer } from 'node:http';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { AccessTokenVerifier, AuthGuard, RevocationList, tokenConfig } from '@nexus/auth-guards';
import { CachingInterceptor, cachingConfig, ResponseCache, SharedAnswers } from '@nexus/caching';
import { type Config, platformConfig, publicUrl } from '@nexus/config';
import { ApiKeys, type RoutePolicy, type ServiceName, TokenTrust } from '@nexus/contracts';
import { DatabaseRoot, databaseConfig } from '@nexus/database';
import {
  AnswerInterceptor,
  EndpointRunner,
  Idempotency,
  IdempotencyInterceptor,
  NexusExceptionFilter,
  NexusFastifyAdapter,
  reflectRoutes,
  useExchange,
  ValidationPipe,
} from '@nexus/http';
import { BUS_SCHEMA, Messaging } from '@nexus/messaging';
import { type Logger, NestLogger } from '@nexus/observability';
import type { GuardedRedis } from '@nexus/redis';
import { throttlingConfig } from '@nexus/throttling';
import { ApiKeyCallers } from './chain/api-key-callers.js';
import { serviceTag } from './chain/cached-answer.js';
import type { RouteTable } from './chain/route-table.js';
import type { Composition } from './compose.js';
import { collectControllers } from './controllers.js';
import { keepsData } from './define-service.js';
import { compileEndpoints, createDispatch, type NestHandler } from './dispatch.js';
import type { EdgeRoutes, RouteChanges } from './edge-routes.js';
import { HealthController } from './health.controller.js';
import { databaseChecks, Health, revocationsKnown, schemaChecks } from './health.js';
import { createInternalCalls, type InternalCalls } from './internal/internal-calls.js';
import { createListeners, edgeTable, type Listener } from './listeners.js';
import { ownContext } from './own-context.js';
import { Peers } from './peers.js';
import { platformProviders } from './platform-providers.js';
import { PolicyParts } from './policy.js';
import { callingService, neededPorts, offeredPorts } from './ports.js';
import { registerProcessMetrics } from './process-metrics.js';
import { createLimiter, openRedis } from './redis.js';
import { RootModule } from './root.module.js';
import { StartReport } from './start-report.js';

/** A process that is assembled and not yet listening. */
export interface NexusApp {
  readonly composition: Composition;
  readonly config: Config;
  readonly logger: Logger;
  readonly nest: NestFastifyApplication;
  readonly databases: DatabaseRoot;
  /** Absent in a process that keeps nothing. */
  readonly messaging: Messaging | undefined;
  /** Absent where none is configured. */
  readonly redis: GuardedRedis | undefined;
  /** Answers that all processes share; absent without Redis. */
  readonly answers: SharedAnswers | undefined;
  readonly peers: Peers;
  readonly calls: InternalCalls;
  readonly revocations: RevocationList;
  readonly policy: PolicyParts;
  readonly health: Health;
  readonly report: StartReport;
  /** Every route that this process serves. */
  readonly routes: readonly RoutePolicy[];
  /** Absent where clients do not come. */
  readonly edgeRoutes: EdgeRoutes | undefined;
  readonly listeners: readonly Listener[];
  readonly unregisterMetrics: () => void;
}

const JSON_LIMIT_BYTES = 1024 * 1024;
/** How long those who come with an API key wait for auth, in ms. */
const KEY_EXCHANGE_MS = 3_000;

/** Opens every connection of the process. */
async function connect(composition: Composition, config: Config, logger: Logger) {
  const { NEXUS_ENV } = config.get(platformConfig);
  const schemas = composition.services
    .filter(keepsData)
    .map((service) => ({ schema: service.name as string, entities: service.database?.entities }));
  if (schemas.length === 0)
    return { databases: DatabaseRoot.none(), messaging: undefined, redis: await openRedis(config, logger) };
  const databases = await DatabaseRoot.open(config.get(databaseConfig), NEXUS_ENV, [
    ...schemas,
    { schema: BUS_SCHEMA },
  ]);
  try {
    const messaging = await Messaging.open(databases.get(BUS_SCHEMA), (message, fields, error) =>
      logger.warn(message, { ...fields, error }),
    );
    return { databases, messaging, redis: await openRedis(config, logger) };
  } catch (error) {
    await databases.close();
    throw error;
  }
}

function clientProtocol(config: Config): 'http' | 'https' {
  return publicUrl(config.get(platformConfig)).startsWith('https:') ? 'https' : 'http';
}

/** Passes requests on to the services that run elsewhere; undefined where none does. */
async function createForward(
  composition: Composition,
  config: Config,
  logger: Logger,
  peers: Peers,
  answers: SharedAnswers | undefined,
) {
  if (composition.proxied.length === 0) return undefined;
  const factory = await composition.services.find(({ forwarder }) => forwarder)?.forwarder?.();
  if (!factory) throw new Error('No service of this process passes requests on');
  return factory({
    upstream: (service) => peers.pool(service),
    logger,
    protocol: clientProtocol(config),
    ...(answers
      ? { changesKnown: (service: ServiceName, moment: number) => answers.known(moment, serviceTag(service)) }
      : {}),
  });
}

/** What an edge process serves besides and otherwise than declared; undefined for all others. */
async function openEdgeRoutes(composition: Composition, config: Config, logger: Logger, table: RouteTable) {
  if (composition.role !== 'edge') return undefined;
  const factory = await composition.services.find(({ edgeRoutes }) => edgeRoutes)?.edgeRoutes?.();
  const replace = (changes: RouteChanges) => table.replace(changes);
  return factory?.({ config, logger, protocol: clientProtocol(config), declared: table.routes, replace });
}

/** Checks tokens, and API keys where they are taken, with what auth says, wherever auth runs. */
function callerChecks(ports: ReturnType<typeof neededPorts>, config: Config, process: string) {
  const client = (port: unknown): object | undefined => ports.find(({ token }) => token === port)?.client;
  const trust = client(TokenTrust) as TokenTrust;
  const apiKeys = client(ApiKeys) as ApiKeys | undefined;
  const context = () => ownContext(process);
  const revocations = new RevocationList(trust, context);
  const tokens = config.get(tokenConfig);
  const verifier = new AccessTokenVerifier(trust, revocations, context, {
    issuer: publicUrl(config.get(platformConfig)),
    audience: tokens.TOKEN_AUDIENCE,
    graceMs: tokens.REVOCATION_GRACE_SECONDS * 1000,
  });
  const keys = apiKeys && new ApiKeyCallers(apiKeys, verifier, () => ownContext(process, KEY_EXCHANGE_MS));
  return { revocations, verifier, keys };
}

/** Fastify as Nest's router and nothing more; its own server never listens: the listeners call its handler. */
function createAdapter(): { adapter: NexusFastifyAdapter; handler: NestHandler } {
  const held: { handler?: NestHandler } = {};
  const adapter = new NexusFastifyAdapter({
    serverFactory: (handler: NestHandler) => {
      held.handler = handler;
      return createServer();
    },
    bodyLimit: JSON_LIMIT_BYTES,
    exposeHeadRoutes: true,
    skipMiddie: true,
    genReqId: () => '',
    routerOptions: { maxParamLength: 512 },
  } as ConstructorParameters<typeof NexusFastifyAdapter>[0]);
  if (!held.handler) throw new Error('Fastify made no server');
  return { adapter, handler: held.handler };
}

/**
 * Assembles the one Nest app of a process from a composition. Everything global is registered here, once; feature
 * modules register none.
 */
export async function createApp(composition: Composition, config: Config, logger: Logger): Promise<NexusApp> {
  const modules = await Promise.all(composition.services.map((service) => service.module()));
  const controllers = modules.map(collectControllers);
  const shared = reflectRoutes('gateway', [HealthController]).map((route) => route.policy);
  const own = composition.services.flatMap((service, i) =>
    reflectRoutes(service.name, controllers[i] as Type[]).map((route) => route.policy),
  );
  const peers = Peers.open(composition, config, logger);
  const { databases, messaging, redis } = await connect(composition, config, logger).catch(async (error: unknown) => {
    await peers.close();
    throw error;
  });
  let nest: NestFastifyApplication | undefined;
  let unregisterMetrics = () => {};
  let edgeRoutes: EdgeRoutes | undefined;
  let answers: SharedAnswers | undefined;
  try {
    const find = (token: Type): object => {
      if (!nest) throw new Error('A port was called before the modules were made');
      return nest.get(token, { strict: false });
    };
    const ports = neededPorts(composition, peers, find);
    const { revocations, ...callers } = callerChecks(ports, config, composition.services[0]?.name ?? 'nexus');
    const limiter = createLimiter(redis, composition.role, config);
    const cache = ResponseCache.of(config.get(cachingConfig));
    answers = redis && (await SharedAnswers.open(redis, cache, config.get(cachingConfig)));
    const report = new StartReport();
    const policy = new PolicyParts(config, limiter, cache, answers, callers, logger, composition.proxied);
    const { limits, inFlight, door } = policy;
    unregisterMetrics = registerProcessMetrics({
      databases,
      redis,
      limiter,
      answers,
      cache,
      limits,
      revocations,
      inFlight,
      door,
    });
    const { adapter, handler } = createAdapter();
    const holder: { health?: Health } = {};
    const stores = { databases, messaging, cache, revocations };
    const providers = platformProviders({ config, logger, ...stores, report, ports, holder });
    const root = RootModule.of(modules, { providers, limiter, throttling: config.get(throttlingConfig) });
    nest = await NestFactory.create<NestFastifyApplication>(root, adapter, {
      bodyParser: false,
      abortOnError: false,
      logger: new NestLogger(logger),
    });
    const health = new Health(
      nest.get(HealthCheckService),
      nest.get(HealthIndicatorService),
      [...databaseChecks(databases), ...schemaChecks(databases, composition.services), revocationsKnown(revocations)],
      peers.checks(),
      { impaired: () => peers.impairments(), limit: () => (door.limit.isShedding ? door.limit.limit : undefined) },
    );
    holder.health = health;
    const edge = composition.role === 'edge';
    useExchange(adapter.getInstance() as never, edge);
    const idempotency = new Idempotency(databases);
    nest.useGlobalPipes(new ValidationPipe());
    nest.useGlobalGuards(new AuthGuard());
    nest.useGlobalFilters(new NexusExceptionFilter(logger));
    nest.useGlobalInterceptors(
      new CachingInterceptor(),
      new IdempotencyInterceptor(idempotency),
      new AnswerInterceptor(),
    );
    await nest.init();
    await adapter.getInstance().ready();
    const plain = compileEndpoints(controllers.flat(), find, edge);
    const runner = new EndpointRunner(idempotency, logger);
    const forward = await createForward(composition, config, logger, peers, answers);
    const elsewhere = new Set(composition.proxied);
    const serve = createDispatch({ calls: plain, runner, nest: handler, forward, elsewhere, edge, logger });
    const { material } = peers;
    const calls = createInternalCalls({
      ports: offeredPorts(composition, find),
      verifier: callers.verifier,
      callerOf: (request) => callingService(request.socket, request.headers['user-agent'], material),
      logger,
    });
    const table = edgeTable(composition, [...shared, ...own], redis !== undefined);
    edgeRoutes = await openEdgeRoutes(composition, config, logger, table);
    const routing = { own, shared, edge: table, handler: serve };
    const listeners = createListeners({ composition, config, policy, ...routing, material, calls });
    const connections = { databases, messaging, redis, answers, peers };
    const parts = { composition, config, logger, nest, ...connections, calls, revocations, policy };
    return { ...parts, health, report, routes: [...shared, ...own], edgeRoutes, listeners, unregisterMetrics };
  } catch (error) {
    unregisterMetrics();
    await edgeRoutes?.close();
    await nest?.close().catch(() => undefined);
    await messaging?.close(0).catch(() => undefined);
    await answers?.close();
    redis?.close();
    await databases.close();
    await peers.destroy();
    throw error;
  }
}
