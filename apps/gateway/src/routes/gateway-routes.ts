import { readFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import {
  CompositionError,
  type EdgeRoute,
  type EdgeRoutes,
  type EdgeRoutesParts,
  type RouteChanges,
} from '@nexus/bootstrap';
import type { RoutePolicy } from '@nexus/contracts';
import { resilienceConfig, watchFiles } from '@nexus/resilience';
import { gatewayConfig } from '../gateway.config.js';
import { Upgrades } from '../proxy/upgrade.js';
import { foreignRoutes } from './foreign-route.js';
import { type ForeignProtection, ForeignUpstream } from './foreign-upstream.js';
import { operationOverride } from './operation-override.js';
import { PathTree } from './path-tree.js';
import { type RoutesFile, RoutesFileError, RoutesReader } from './read-routes.js';
import type { DeclaredRoute } from './routes-file.schemas.js';

/** So many changes of the file are taken together, in ms. */
const SETTLE_MS = 100;
const POLL_MS = 30_000;
/** Longest run of reading a file without a turn for requests, in ms. */
const SLICE_MS = 2;

/** One step after the other, at once. */
function runThrough<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** One step after the other, with turns for requests between them. */
async function runBeside<T>(steps: Generator<undefined, T>): Promise<T> {
  let from = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() - from < SLICE_MS) continue;
    await turn();
    from = performance.now();
  }
}

interface Compiled {
  readonly routes: readonly EdgeRoute[];
  readonly upstream: ForeignUpstream;
}

/**
 * The routes of a gateway as its file has them. The file is read again on change, beside the requests, and taken up as a
 * whole or not at all. What has not changed keeps its connections.
 */
export class GatewayRoutes implements EdgeRoutes {
  readonly upgrades: Upgrades;
  private readonly reader: RoutesReader;
  private readonly protection: ForeignProtection;
  private readonly operations: ReadonlyMap<string, RoutePolicy>;
  private compiled: ReadonlyMap<DeclaredRoute, Compiled> = new Map();
  /** The text that was looked at last. */
  private taken: string | undefined;
  private refused: string | undefined;
  private running: Promise<void> | undefined;
  private isStale = false;
  private isClosed = false;
  private stopWatching: () => void = () => undefined;

  /** @throws RoutesFileError */
  constructor(
    private readonly parts: EdgeRoutesParts,
    settleMs = SETTLE_MS,
  ) {
    const { config, declared, logger } = parts;
    const { GATEWAY_ROUTES, GATEWAY_WEBSOCKETS_PER_CALLER, GATEWAY_WEBSOCKET_IDLE_SECONDS } = config.get(gatewayConfig);
    const { UPSTREAM_BREAKER, UPSTREAM_MAX_REQUESTS } = config.get(resilienceConfig);
    this.protection = { breaker: UPSTREAM_BREAKER === 'on', maxInFlight: UPSTREAM_MAX_REQUESTS };
    this.reader = new RoutesReader(declared);
    this.operations = new Map(declared.map((route) => [route.operation, route]));
    this.upgrades = new Upgrades(
      { perCaller: GATEWAY_WEBSOCKETS_PER_CALLER, idleMs: GATEWAY_WEBSOCKET_IDLE_SECONDS * 1000 },
      logger,
    );
    if (GATEWAY_ROUTES === undefined) return;
    this.taken = GATEWAY_ROUTES;
    runThrough(this.steps(GATEWAY_ROUTES));
    const file = config.fileOf('GATEWAY_ROUTES');
    if (file === undefined) return;
    this.stopWatching = watchFiles([file], () => this.reload(file), { settleMs, pollMs: POLL_MS });
    // It may have changed since the configuration was read.
    this.reload(file);
  }

  /** Reads the file; changes that come meanwhile are seen to after it. */
  private reload(file: string): void {
    this.isStale = true;
    this.running ??= this.catchUp(file).finally(() => {
      this.running = undefined;
    });
  }

  private async catchUp(file: string): Promise<void> {
    while (this.isStale && !this.isClosed) {
      this.isStale = false;
      await this.take(file);
    }
  }

  private async take(file: string): Promise<void> {
    const { logger } = this.parts;
    try {
      const text = (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
      if (text === this.taken || this.isClosed) return;
      this.taken = text;
      const from = performance.now();
      const { operations, routes } = await runBeside(this.steps(text));
      this.refused = undefined;
      logger.info('Other routes are in force', {
        'event.action': 'routes-changed',
        operations: operations.size,
        routes: routes.length,
        durationMs: Math.round(performance.now() - from),
      });
    } catch (error) {
      this.refuse(error);
    }
  }

  /** What was in force stays. The same fault is told once. */
  private refuse(error: unknown): void {
    const isFault = error instanceof RoutesFileError;
    const told = isFault ? error.message : `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
    if (!isFault) this.taken = undefined;
    if (told === this.refused) return;
    this.refused = told;
    this.parts.logger.error(`The file of routes is refused, and what was in force stays: ${told}`, {
      'event.action': 'routes-refused',
      faults: isFault ? error.faults.length : 1,
      ...(isFault ? {} : { error }),
    });
  }

  /** Reads a text and takes it up. @throws RoutesFileError */
  private *steps(text: string): Generator<undefined, RoutesFile> {
    const file = yield* this.reader.read(text);
    const compiled = yield* this.compile(file.routes);
    const tree = new PathTree();
    for (const { routes } of compiled.values()) {
      for (const route of routes) tree.add(route);
      yield;
    }
    if (this.isClosed) return file;
    this.takeUp(file, compiled, tree);
    return file;
  }

  private *compile(declared: readonly DeclaredRoute[]): Generator<undefined, Map<DeclaredRoute, Compiled>> {
    const upstreams = new Map([...this.compiled.values()].map(({ upstream }) => [upstream.key, upstream]));
    const compiled = new Map<DeclaredRoute, Compiled>();
    const { logger, protocol } = this.parts;
    for (const route of declared) {
      const known = this.compiled.get(route);
      if (known) compiled.set(route, known);
      else {
        const fresh = new ForeignUpstream(route.upstreams, this.protection);
        const upstream = upstreams.get(fresh.key) ?? fresh;
        upstreams.set(upstream.key, upstream);
        const routes = foreignRoutes(route, upstream, { logger, protocol, upgrades: this.upgrades });
        compiled.set(route, { routes, upstream });
      }
      yield;
    }
    return compiled;
  }

  private takeUp(file: RoutesFile, compiled: Map<DeclaredRoute, Compiled>, tree: PathTree): void {
    const overrides: RouteChanges['overrides'] = new Map(
      [...file.operations].map(([name, change]) => [
        name,
        operationOverride(this.operations.get(name) as RoutePolicy, change),
      ]),
    );
    this.parts.replace({ overrides, added: file.routes.length === 0 ? undefined : tree });
    const before = this.upstreams();
    this.compiled = compiled;
    const kept = this.upstreams();
    for (const upstream of before) if (!kept.has(upstream)) void upstream.close();
  }

  private upstreams(): Set<ForeignUpstream> {
    return new Set([...this.compiled.values()].map(({ upstream }) => upstream));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.stopWatching();
    await this.running;
    await Promise.all([...this.upstreams()].map((upstream) => upstream.destroy()));
  }
}

/** @throws CompositionError naming every fault, where the file is wrong */
export function openGatewayRoutes(parts: EdgeRoutesParts): EdgeRoutes {
  try {
    return new GatewayRoutes(parts);
  } catch (error) {
    if (error instanceof RoutesFileError) throw new CompositionError(`The routes are not usable: ${error.message}.`);
    throw error;
  }
}
