import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { platformConfig } from '@nexus/config';
import { TokenTrust } from '@nexus/contracts';
import { flushLogs } from '@nexus/observability';
import { serviceTag } from './chain/cached-answer.js';
import { collectModules } from './controllers.js';
import type { NexusApp } from './create-app.js';
import { keepsData, type ServiceDefinition } from './define-service.js';
import { Housekeeping } from './housekeeping.js';
import { startsWithService } from './lifecycle-hooks.js';
import { drainListeners, ListenerDrain } from './listener-drain.js';
import { createManagementServer } from './management.js';
import { ownContext } from './own-context.js';
import { stopTimes } from './stop-times.js';

/** A process that takes requests. */
export interface RunningApp {
  readonly app: NexusApp;
  /** Addresses it listens on, e.g. `http://127.0.0.1:8080`. */
  readonly urls: readonly string[];
  readonly managementUrl: string;
  /** Ends it in order; a second call waits for the first. */
  stop(): Promise<void>;
}

/** A port that cannot be listened on: the sentence names the variable to change. */
export class ListenError extends Error {
  constructor(variable: string, host: string, port: number, code: string | undefined) {
    const reason =
      code === 'EADDRINUSE'
        ? 'is in use'
        : code === 'EACCES'
          ? 'may not be used by this account'
          : `cannot be used (${code})`;
    super(`Port ${port} on ${host} ${reason}: set ${variable} to another one.`);
    this.name = 'ListenError';
  }
}

async function listen(server: Server, variable: string, host: string, port: number, secure = false): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new ListenError(variable, host, port, error.code)));
    server.listen(port, host, resolve);
  });
  const { address, port: bound, family } = server.address() as AddressInfo;
  return `${secure ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
}

interface Container {
  readonly container: {
    getModules(): Map<string, { metatype: unknown; providers: Map<unknown, { instance: unknown }> }>;
  };
}

/** What the modules of a service hold. */
async function providersOf(app: NexusApp, service: ServiceDefinition): Promise<Set<unknown>> {
  const own = new Set<unknown>(collectModules(await service.module()));
  const instances = new Set<unknown>();
  for (const module of (app.nest as unknown as Container).container.getModules().values()) {
    if (own.has(module.metatype)) for (const { instance } of module.providers.values()) instances.add(instance);
  }
  return instances;
}

/** Lets each service do its start-up work, then starts its subscriptions and jobs. */
async function startServices(app: NexusApp): Promise<void> {
  const { composition, nest, messaging, databases } = app;
  for (const service of composition.services) {
    for (const provider of await providersOf(app, service)) {
      if (startsWithService(provider)) await provider.onServiceStart(ownContext(service.name));
    }
  }
  for (const service of composition.services) {
    for (const { event, handler } of service.subscribes) {
      await messaging?.subscribe(
        service.name,
        event,
        nest.get(handler, { strict: false }),
        databases.get(service.name),
      );
    }
    for (const { job, handler, concurrency } of service.jobs) {
      await messaging?.consume(job, nest.get(handler, { strict: false }), concurrency);
    }
  }
}

/**
 * Learns which tokens count no more. Where auth runs elsewhere it may start later than this process, which then serves
 * what needs no caller, and is not ready until it knows.
 */
async function followRevocations({ revocations, composition, logger }: NexusApp): Promise<void> {
  const elsewhere = !composition.services.some(({ provides }) =>
    provides.some(({ port }) => (port as unknown) === TokenTrust),
  );
  try {
    await revocations.start();
  } catch (error) {
    if (!elsewhere) throw error;
    logger.warn('Revocations are not known yet: auth does not answer', {
      'event.action': 'revocations-unknown',
      error,
    });
  }
}

/**
 * A process of a service that ended badly, while it could not reach Redis, has told nobody of its last changes. Whoever
 * comes after it has everything forgotten that is kept of the service.
 */
async function forgetOldAnswers({ answers, composition }: NexusApp): Promise<void> {
  await answers?.publish(composition.services.map(({ name }) => serviceTag(name)));
}

/** Starts services, opens the listeners, and says ready. */
export async function runApp(app: NexusApp): Promise<RunningApp> {
  const { config, logger, databases, health } = app;
  const platform = config.get(platformConfig);
  const housekeeping = new Housekeeping(
    databases,
    app.composition.services.filter(keepsData).map((s) => s.name),
    logger,
  );
  const management = createManagementServer(health);
  const drains = app.listeners.map(({ server }) => new ListenerDrain(server));
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= shutDown(app, management, drains, housekeeping));
  try {
    const managementUrl = await listen(
      management,
      'MANAGEMENT_PORT',
      platform.MANAGEMENT_HOST,
      platform.MANAGEMENT_PORT,
    );
    await startServices(app);
    await forgetOldAnswers(app);
    await followRevocations(app);
    const urls: string[] = [];
    for (const { server, setting, port, secure } of app.listeners)
      urls.push(await listen(server, setting, platform.HOST, port, secure));
    housekeeping.start();
    health.markReady();
    logger.info('The process is ready', {
      'event.action': 'process-ready',
      urls,
      services: app.composition.services.map((s) => s.name),
    });
    return { app, urls, managementUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}

/** Takes no new connections and finishes what runs; streams are told to end, and come again elsewhere. */
async function finishRequests(app: NexusApp, drains: readonly ListenerDrain[]): Promise<void> {
  const { config, logger, policy, calls, composition } = app;
  const { inFlight } = policy;
  calls.close();
  const left = await drainListeners(drains, {
    ...stopTimes(config, composition),
    running: () => inFlight.size + calls.running,
    look: () => inFlight.cancelStreams(),
  });
  if (left > 0) logger.warn('Requests were cut off at shutdown', { left });
}

/**
 * Readiness 503 first, wait until nobody connects here any more, stop accepting, finish what runs, stop the jobs, then
 * close what was opened, last first. From the first moment each answer closes its connection. Each phase is timed.
 */
async function shutDown(
  app: NexusApp,
  management: Server,
  drains: readonly ListenerDrain[],
  housekeeping: Housekeeping,
): Promise<void> {
  const { config, logger, health, policy, messaging, databases, nest, revocations, peers, calls, composition } = app;
  const { drainMs, timeoutMs } = stopTimes(config, composition);
  const phases: Record<string, number> = {};
  const phase = async (name: string, work: () => Promise<unknown>) => {
    const from = performance.now();
    try {
      await work();
    } catch (error) {
      logger.warn('A phase of the shutdown failed', { 'event.action': name, error });
    }
    phases[name] = Math.round(performance.now() - from);
  };
  health.markStopping();
  policy.announceStop();
  calls.announceStop();
  peers.letGo();
  await phase('drain', () => new Promise((resolve) => setTimeout(resolve, drainMs)));
  await phase('requests', () => finishRequests(app, drains));
  await phase('jobs', async () => messaging?.close(timeoutMs));
  await phase('housekeeping', () => housekeeping.stop());
  await phase('routes', async () => app.edgeRoutes?.close());
  await phase('modules', () => nest.close());
  revocations.close();
  await phase('peers', () => peers.destroy());
  policy.inFlight.close();
  app.unregisterMetrics();
  await phase('cache', async () => app.answers?.close());
  app.redis?.close();
  await phase('database', () => databases.close());
  management.closeAllConnections();
  await phase('management', () => closed(management));
  logger.info('The process has stopped', { 'event.action': 'process-stopped', phases });
  await flushLogs();
}
