import { createServer } from 'node:http';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { AccessTokenVerifier, AuthGuard, RevocationList, tokenConfig } from '@nexus/auth-guards';
import { CachingInterceptor, cachingConfig, ResponseCache } from '@nexus/caching';
import { type Config, platformConfig, publicUrl } from '@nexus/config';
import { type RoutePolicy, TokenTrust } from '@nexus/contracts';
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
import { LocalRateLimiter, throttlingConfig } from '@nexus/throttling';
import type { RouteTable } from './chain/route-table.js';
import type { Composition } from './compose.js';
import { collectControllers } from './controllers.js';
import { compileEndpoints, createDispatch, type NestHandler } from './dispatch.js';
import type { EdgeRoutes, RouteChanges } from './edge-routes.js';
import { HealthController } from './health.controller.js';
import { databaseChecks, Health, revocationsKnown } from './health.js';
import { createInternalCalls, type InternalCalls } from './internal/internal-calls.js';
import { createListeners, edgeTable, type Listener } from './listeners.js';
import { ownContext } from './own-context.js';
import { Peers } from './peers.js';
import { platformProviders } from './platform-providers.js';
import { PolicyParts } from './policy.js';
import { callingService, neededPorts, offeredPorts } from './ports.js';
import { registerProcessMetrics } from './process-metrics.js';
import { RootModule } from './root.module.js';
import { StartReport } from './start-report.js';

/** A process that is assembled and not yet listening. */
export interface NexusApp {
  readonly composition: Composition;
  readonly config: Config;
  readonly logger: Logger;
  readonly nest: NestFastifyApplication;
  readonly databases: DatabaseRoot;
  readonly messaging: Messaging;
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

/** Opens every connection of the process. */
async function connect(composition: Composition, config: Config, logger: Logger) {
  const { NEXUS_ENV } = config.get(platformConfig);
  const schemas = composition.services
    .filter((service) => service.database)
    .map((service) => ({ schema: service.name as string, entities: service.database?.entities }));
  const databases = await DatabaseRoot.open(config.get(databaseConfig), NEXUS_ENV, [
    ...schemas,
    { schema: BUS_SCHEMA },
  ]);
  try {
    const messaging = await Messaging.open(databases.get(BUS_SCHEMA), (message, fields, error) =>
      logger.warn(message, { ...fields, error }),
    );
    return { databases, messaging };
  } catch (error) {
    await databases.close();
    throw error;
  }
}

function clientProtocol(config: Config): 'http' | 'https' {
  return publicUrl(config.get(platformConfig)).startsWith('https:') ? 'https' : 'http';
}

/** Passes requests on to the services that run elsewhere; undefined where none does. */
async function createForward(composition: Composition, config: Config, logger: Logger, peers: Peers) {
  if (composition.proxied.length === 0) return undefined;
  const factory = await composition.services.find(({ forwarder }) => forwarder)?.forwarder?.();
  if (!factory) throw new Error('No service of this process passes requests on');
  return factory({ upstream: (service) => peers.pool(service), logger, protocol: clientProtocol(config) });
}

/** What an edge process serves besides and otherwise than declared; undefined for all others. */
async function openEdgeRoutes(composition: Composition, config: Config, logger: Logger, table: RouteTable) {
  if (composition.role !== 'edge') return undefined;
  const factory = await composition.services.find(({ edgeRoutes }) => edgeRoutes)?.edgeRoutes?.();
  const replace = (changes: RouteChanges) => table.replace(changes);
  return factory?.({ config, logger, protocol: clientProtocol(config), declared: table.routes, replace });
}

/** Checks tokens with what auth says, wherever auth runs. */
function tokenChecks(trust: TokenTrust, config: Config, process: string) {
  const context = () => ownContext(process);
  const revocations = new RevocationList(trust, context);
  const tokens = config.get(tokenConfig);
  const verifier = new AccessTokenVerifier(trust, revocations, context, {
    issuer: publicUrl(config.get(platformConfig)),
    audience: tokens.TOKEN_AUDIENCE,
    graceMs: tokens.REVOCATION_GRACE_SECONDS * 1000,
  });
  return { revocations, verifier };
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
  const { databases, messaging } = await connect(composition, config, logger).catch(async (error: unknown) => {
    await peers.close();
    throw error;
  });
  let nest: NestFastifyApplication | undefined;
  let unregisterMetrics = () => {};
  let edgeRoutes: EdgeRoutes | undefined;
  try {
    const find = (token: Type): object => {
      if (!nest) throw new Error('A port was called before the modules were made');
      return nest.get(token, { strict: false });
    };
    const ports = neededPorts(composition, peers, find);
    const trust = ports.find(({ token }) => (token as unknown) === TokenTrust)?.client as TokenTrust;
    const { revocations, verifier } = tokenChecks(trust, config, composition.services[0]?.name ?? 'nexus');
    const limiter = new LocalRateLimiter();
    const cache = ResponseCache.of(config.get(cachingConfig));
    const report = new StartReport();
    const policy = new PolicyParts(config, limiter, cache, verifier, logger);
    const { limits, inFlight } = policy;
    unregisterMetrics = registerProcessMetrics({ databases, cache, limits, revocations, inFlight });
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
      [...databaseChecks(databases), revocationsKnown(revocations)],
      peers.checks(),
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
    const forward = await createForward(composition, config, logger, peers);
    const elsewhere = new Set(composition.proxied);
    const serve = createDispatch({ calls: plain, runner, nest: handler, forward, elsewhere, edge, logger });
    const { material } = peers;
    const calls = createInternalCalls({
      ports: offeredPorts(composition, find),
      verifier,
      callerOf: (request) => callingService(request.socket, request.headers['user-agent'], material),
      logger,
    });
    const table = edgeTable(composition, [...shared, ...own]);
    edgeRoutes = await openEdgeRoutes(composition, config, logger, table);
    const routing = { own, shared, edge: table, handler: serve };
    const listeners = createListeners({ composition, config, policy, ...routing, material, calls });
    const parts = { composition, config, logger, nest, databases, messaging, peers, calls, revocations, policy };
    return { ...parts, health, report, routes: [...shared, ...own], edgeRoutes, listeners, unregisterMetrics };
  } catch (error) {
    unregisterMetrics();
    await edgeRoutes?.close();
    await nest?.close().catch(() => undefined);
    await messaging.close(0).catch(() => undefined);
    await databases.close();
    await peers.destroy();
    throw error;
  }
}
