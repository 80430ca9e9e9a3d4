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
import type { Composition } from './compose.js';
import { collectControllers } from './controllers.js';
import { compileEndpoints, createDispatch, type NestHandler } from './dispatch.js';
import { HealthController } from './health.controller.js';
import { databaseChecks, Health } from './health.js';
import { createListeners, type Listener } from './listeners.js';
import { localPort } from './local-port.js';
import { ownContext } from './own-context.js';
import { platformProviders } from './platform-providers.js';
import { PolicyParts } from './policy.js';
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
  readonly revocations: RevocationList;
  readonly policy: PolicyParts;
  readonly health: Health;
  readonly report: StartReport;
  /** Every route that this process serves. */
  readonly routes: readonly RoutePolicy[];
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
  const { databases, messaging } = await connect(composition, config, logger);
  let nest: NestFastifyApplication | undefined;
  let unregisterMetrics = () => {};
  try {
    const find = (token: Type): object => {
      if (!nest) throw new Error('A port was called before the modules were made');
      return nest.get(token, { strict: false });
    };
    const ports = [...composition.ports].map(([token, source]) => ({
      token,
      client: 'remote' in source ? source.remote : localPort(token, () => find(source.local.provider)),
    }));
    const trust = ports.find(({ token }) => (token as unknown) === TokenTrust)?.client as TokenTrust;
    const { revocations, verifier } = tokenChecks(trust, config, composition.services[0]?.name ?? 'nexus');
    const limiter = new LocalRateLimiter();
    const cache = ResponseCache.of(config.get(cachingConfig));
    const report = new StartReport();
    const policy = new PolicyParts(config, limiter, cache, verifier, logger, composition.role);
    const { limits, inFlight } = policy;
    unregisterMetrics = registerProcessMetrics({ databases, cache, limits, revocations, inFlight });
    const { adapter, handler } = createAdapter();
    const holder: { health?: Health } = {};
    const providers = platformProviders({ config, logger, databases, messaging, cache, report, ports, holder });
    const root = RootModule.of(modules, { providers, limiter, throttling: config.get(throttlingConfig) });
    nest = await NestFactory.create<NestFastifyApplication>(root, adapter, {
      bodyParser: false,
      abortOnError: false,
      logger: new NestLogger(logger),
    });
    const health = new Health(
      nest.get(HealthCheckService),
      nest.get(HealthIndicatorService),
      databaseChecks(databases),
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
    const calls = compileEndpoints(controllers.flat(), find, edge);
    const runner = new EndpointRunner(idempotency, logger);
    const dispatch = createDispatch({ calls, runner, nest: handler, edge, logger });
    const listeners = createListeners(composition, config, policy, { own, shared }, dispatch);
    const routes = [...shared, ...own];
    const parts = { composition, config, logger, nest, databases, messaging, revocations, policy, health, report };
    return { ...parts, routes, listeners, unregisterMetrics };
  } catch (error) {
    unregisterMetrics();
    await nest?.close().catch(() => undefined);
    await messaging.close(0).catch(() => undefined);
    await databases.close();
    throw error;
  }
}
