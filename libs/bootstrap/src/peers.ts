import { remotePort } from '@nexus/clients';
import type { Config } from '@nexus/config';
import type { ServiceName } from '@nexus/contracts';
import { errors } from '@nexus/kernel';
import type { Logger } from '@nexus/observability';
import { type AddressEvent, type CircuitState, resilienceConfig, ServicePool, TlsMaterial } from '@nexus/resilience';
import { type Composition, CompositionError } from './compose.js';
import type { PortToken } from './define-service.js';
import type { Impairment, ReadinessCheck } from './health.js';
import { type InternalService, urlsOf } from './peers.config.js';
import { registerPeerMetrics } from './resilience-metrics.js';

/** The services that this process has to reach elsewhere, in the platform's order. */
export function remoteServices({ ports, proxied }: Composition): InternalService[] {
  const owners = [...ports.values()].flatMap((source) => ('remote' in source ? [source.remote] : []));
  return [...new Set([...owners, ...proxied])] as InternalService[];
}

/**
 * The other processes of the platform: this process's identity towards them, and the connections to them. Made once at
 * the root, closed last but the databases.
 */
export class Peers {
  private readonly pools = new Map<ServiceName, ServicePool>();
  private readonly unregisterMetrics: () => void;
  /** What was told last of each service's circuit. */
  private readonly told = new Map<ServiceName, CircuitState>();

  private constructor(
    readonly material: TlsMaterial | undefined,
    private readonly logger: Logger,
  ) {
    this.unregisterMetrics = registerPeerMetrics(this.pools);
  }

  /**
   * @throws CompositionError when others are needed and this process has no identity to show them
   * @throws TlsMaterialError when its identity is not usable
   */
  static open(composition: Composition, config: Config, logger: Logger): Peers {
    const material = TlsMaterial.fromConfig(config, {
      services: composition.services.map(({ name }) => name),
      onRefused: (error) =>
        logger.error('A change of the TLS identity was not taken up', { 'event.action': 'tls-refused', error }),
    });
    const peers = new Peers(material, logger);
    try {
      for (const service of remoteServices(composition)) {
        const urls = urlsOf(config, service);
        if (!material && urls.includes('https:'))
          throw new CompositionError(
            `The service ${service} runs elsewhere and is reached over TLS: set TLS_CERT, TLS_KEY and TLS_CA, or add ${service} to --target.`,
          );
        peers.pools.set(service, peers.connect(service, urls, config));
      }
    } catch (error) {
      void peers.close();
      throw error;
    }
    return peers;
  }

  private connect(service: ServiceName, urls: string, config: Config): ServicePool {
    const { UPSTREAM_BREAKER, UPSTREAM_MAX_REQUESTS } = config.get(resilienceConfig);
    return new ServicePool({
      service,
      urls,
      maxInFlight: UPSTREAM_MAX_REQUESTS,
      ...(UPSTREAM_BREAKER === 'on' ? { breaker: {} } : {}),
      onCircuit: (state) => this.tellCircuit(service, state),
      ...(this.material ? { material: this.material } : {}),
      onEvent: (event) => this.tell(service, event),
    });
  }

  private tell(service: ServiceName, event: AddressEvent): void {
    this.logger.warn('An address of a service changed', {
      'event.action': 'upstream-address',
      upstream: service,
      event,
    });
  }

  private tellCircuit(service: ServiceName, state: CircuitState): void {
    // Each try would be told, however long the service is away.
    if (state === 'half_open' || this.told.get(service) === state) return;
    this.told.set(service, state);
    this.logger.warn(state === 'open' ? 'A service fails and is not asked for a while' : 'A service is asked again', {
      'event.action': 'upstream-circuit',
      upstream: service,
      circuit: state,
    });
  }

  /** @throws Error for a service that is not reached from here */
  pool(service: ServiceName): ServicePool {
    const pool = this.pools.get(service);
    if (!pool) throw new Error(`The service ${service} is not reached from this process`);
    return pool;
  }

  /** The client of a port whose provider runs elsewhere. */
  client(token: PortToken, owner: ServiceName, caller: ServiceName): object {
    return remotePort(token as never, { dispatcher: this.pool(owner), caller, logger: this.logger }) as object;
  }

  /** Whether each service can be reached: at least one address takes connections. */
  checks(): ReadinessCheck[] {
    return [...this.pools].map(([service, pool]) => ({
      name: service,
      check: async () => {
        const reached = await pool.check();
        if (!reached.some(({ state }) => state === 'up')) throw errors.unavailable();
      },
    }));
  }

  /** Services that are asked with care, or not at all. */
  impairments(): Impairment[] {
    return [...this.pools].flatMap(([service, pool]) => {
      const { circuit, inFlight, maxInFlight } = pool.state;
      const ejected = pool.reach().filter(({ state }) => state === 'ejected').length;
      const isFull = inFlight >= maxInFlight;
      if (circuit === 'closed' && ejected === 0 && !isFull) return [];
      return [
        {
          service,
          ...(circuit === 'closed' ? {} : { circuit }),
          ...(ejected ? { ejected } : {}),
          ...(isFull ? { full: true } : {}),
        },
      ];
    });
  }

  /** Closes connections that idle, so that nobody who stops at the same time waits for them. */
  letGo(): void {
    for (const pool of this.pools.values()) pool.letGo();
  }

  /** Waits for what runs, then closes every connection. */
  async close(): Promise<void> {
    this.unregisterMetrics();
    await Promise.all([...this.pools.values()].map((pool) => pool.close()));
    this.material?.close();
  }

  /** Cuts off what still runs. */
  async destroy(): Promise<void> {
    this.unregisterMetrics();
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
    this.material?.close();
  }
}
