import type { IncomingMessage, Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { type Config, platformConfig } from '@nexus/config';
import { ROUTE_MANIFEST, type RoutePolicy } from '@nexus/contracts';
import type { Exchange } from '@nexus/http';
import { attachReload, peerServices, secureServerOptions, type TlsMaterial } from '@nexus/resilience';
import { createFront } from './chain/front.js';
import { requestsPerConnection } from './chain/requests-per-connection.js';
import { pathOf, RouteTable } from './chain/route-table.js';
import { limitClients } from './client-limits.js';
import { type Composition, CompositionError } from './compose.js';
import { edgeConfig } from './edge.config.js';
import type { InternalCalls } from './internal/internal-calls.js';
import { type InternalService, internalPort, isLoopback, peersConfig } from './peers.config.js';
import { type PolicyParts, policySteps } from './policy.js';

/** One place where the process takes requests; not listening yet. */
export interface Listener {
  /** What to change when the port is taken. */
  readonly setting: string;
  readonly port: number;
  readonly secure: boolean;
  readonly server: Server;
}

/** Takes what the policy chain lets pass. */
export type Handler = (exchange: Exchange) => void;

/** What all listeners of a process share. */
export interface ListenerParts {
  readonly composition: Composition;
  readonly config: Config;
  readonly policy: PolicyParts;
  /** Routes of the picked services. */
  readonly own: readonly RoutePolicy[];
  /** Routes of the process itself, served everywhere. */
  readonly shared: readonly RoutePolicy[];
  /** Routes of an edge process. */
  readonly edge: RouteTable;
  readonly handler: Handler;
  /** This process's identity towards the others; none: nobody else runs. */
  readonly material: TlsMaterial | undefined;
  readonly calls: InternalCalls;
}

/**
 * How long the platform's own processes keep a connection that they do not use, in ms: they are told so, and close it
 * themselves. So a process that stops waits no longer than that for those who have not heard of it.
 */
const INTERNAL_IDLE_MS = 5_000;
/** The listener itself closes much later, so that no request meets the end of its connection, however busy its sender is. */
const INTERNAL_PATIENCE_MS = 60_000;

/** What is public may be kept for so long where nobody tells of changes, in seconds. */
const UNTOLD_SECONDS = 1;

function untold({ cache, ...route }: RoutePolicy): RoutePolicy {
  return cache?.audience === 'public' ? { ...route, cache: { ...cache, ttlSeconds: UNTOLD_SECONDS } } : route;
}

/**
 * Routes of services that run elsewhere. Their answers are kept here where changes are told to all (Redis); else by the
 * services, which make the changes.
 */
function proxiedRoutes({ proxied }: Composition, areChangesTold: boolean): RoutePolicy[] {
  const routes = ROUTE_MANIFEST.filter(({ service }) => proxied.includes(service));
  return areChangesTold ? routes : routes.map(untold);
}

/** What an edge process knows of every route of the platform; changes to it are taken up while it runs. */
export function edgeTable(
  composition: Composition,
  routes: readonly RoutePolicy[],
  areChangesTold: boolean,
): RouteTable {
  return new RouteTable([...routes, ...proxiedRoutes(composition, areChangesTold)]);
}

function edgeListener({ config, policy, edge, handler }: ListenerParts): Listener {
  const upgrades = ({ url }: IncomingMessage) => edge.find('GET', pathOf(url ?? ''))?.route.upgrades === true;
  const options = policySteps(policy, edge, 'edge');
  const steps = [requestsPerConnection(config.get(edgeConfig).GATEWAY_REQUESTS_PER_CONNECTION), ...options.steps];
  const server = createFront({ ...options, steps, upgrades }, handler);
  limitClients(server, policy, options);
  return { setting: 'PORT', port: config.get(platformConfig).PORT, secure: false, server };
}

/**
 * A service's own listener: mutual TLS, for the platform's processes alone. It serves that service's routes, as if the
 * service were by itself, and the ports that the process provides.
 */
function internalListener(parts: ListenerParts, service: InternalService): Listener {
  const { config, policy, own, shared, handler, material, calls } = parts;
  const { HOST } = config.get(platformConfig);
  const plain = config.get(peersConfig).INTERNAL_TLS === 'off';
  if (plain && !isLoopback(HOST))
    throw new CompositionError('INTERNAL_TLS=off is for loopback addresses: set HOST to 127.0.0.1, or use TLS.');
  if (!plain && !material)
    throw new CompositionError(
      `The service ${service} takes requests of the other services over TLS: set TLS_CERT, TLS_KEY and TLS_CA, or run all services in one process.`,
    );
  const table = new RouteTable([...shared, ...own.filter((route) => route.service === service)]);
  const fromGateway = (request: IncomingMessage) =>
    plain || (material !== undefined && peerServices(request.socket, material.trustDomain).has('gateway'));
  const options = { ...policySteps(policy, table, 'internal', fromGateway), before: calls };
  const port = internalPort(config, service);
  const setting = `NEXUS_${service.toUpperCase()}_PORT`;
  const tls = plain || !material ? undefined : secureServerOptions(material);
  const server = createFront(tls ? { ...options, tls } : options, handler);
  server.keepAliveTimeout = INTERNAL_IDLE_MS;
  server.keepAliveTimeoutBuffer = INTERNAL_PATIENCE_MS;
  if (tls && material) attachReload(server as unknown as SecureServer, material);
  return { setting, port, secure: tls !== undefined, server };
}

/**
 * An edge process takes everything on one port. Where the platform is split, each service that a process holds has a
 * port of its own for the others.
 */
export function createListeners(parts: ListenerParts): Listener[] {
  const { services, role, proxied } = parts.composition;
  const edge = role === 'edge' ? [edgeListener(parts)] : [];
  if (role === 'edge' && proxied.length === 0) return edge;
  const internal = services.flatMap(({ name }) => (name === 'gateway' ? [] : [internalListener(parts, name)]));
  return [...edge, ...internal];
}
