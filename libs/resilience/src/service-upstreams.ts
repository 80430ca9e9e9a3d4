import { isIP } from 'node:net';
import type { ServiceName } from '@nexus/contracts';
import type { ConnectionPlan } from './service-connector.js';
import {
  endpointKey,
  type Lookup,
  literalEndpoints,
  resolveNames,
  type ServiceEndpoint,
  systemLookup,
} from './service-names.js';
import { authority, type ServiceOrigin } from './service-urls.js';
import type { TlsMaterial } from './tls-material.js';
import {
  type AddressEvent,
  type AddressLimits,
  type AddressOwner,
  type AddressState,
  UpstreamAddress,
} from './upstream-address.js';

/** One address, or a host name without any. */
export interface ReachedAddress {
  /** `10.0.0.1:8082`, or `name:8082` when `unresolved`. */
  readonly address: string;
  readonly state: AddressState | 'unresolved';
  readonly inFlight: number;
  /** How often in a row it was left alone. */
  readonly ejections: number;
}

/** What the addresses of a service are made of. */
export interface UpstreamPlan {
  readonly service: ServiceName;
  readonly origins: readonly ServiceOrigin[];
  readonly material: TlsMaterial | undefined;
  readonly connectTimeoutMs: number;
  readonly resolveEveryMs: number;
  readonly limits: AddressLimits;
  readonly lookup: Lookup | undefined;
  readonly onEvent: ((event: AddressEvent) => void) | undefined;
  readonly onDrain: () => void;
  /** An address that failed is well again, as far as is known. */
  readonly onGood: () => void;
}

interface Known {
  readonly endpoint: ServiceEndpoint;
  readonly upstream: UpstreamAddress;
}

const LOOKUP_GAP_MS = 1_000;

/** Nothing speaks against asking it. */
const isGood = ({ state }: UpstreamAddress) => state === 'up' || state === 'untried';

/** The addresses of one service: found by its names, kept up to date, and known to be worth asking or not. */
export class ServiceUpstreams {
  /** Those to pick from; empty only while nothing is known. */
  usable: readonly UpstreamAddress[] = [];
  readonly #known = new Map<string, Known>();
  readonly #leaving = new Set<UpstreamAddress>();
  readonly #seen = new WeakMap<UpstreamAddress, number>();
  readonly #hasNames: boolean;
  readonly #timer: NodeJS.Timeout;
  readonly #unsubscribe: (() => void) | undefined;
  readonly #owner: AddressOwner;
  #unresolved: ReadonlySet<string> = new Set();
  #resolving: Promise<void> | undefined;
  #resolvedAt = 0;
  #isOver = false;

  constructor(private readonly plan: UpstreamPlan) {
    this.#owner = {
      mayEject: (address) => this.#upstreams.some((other) => other !== address && isGood(other)),
      changed: (isWell) => {
        this.#refresh();
        if (isWell) plan.onGood();
      },
      lost: () => {
        if (performance.now() - this.#resolvedAt >= LOOKUP_GAP_MS) void this.resolve();
      },
      tell: (event) => plan.onEvent?.(event),
      drained: plan.onDrain,
    };
    this.#hasNames = plan.origins.some(({ host }) => isIP(host) === 0);
    for (const endpoint of literalEndpoints(plan.origins)) this.#add(endpointKey(endpoint), endpoint);
    this.#refresh();
    if (this.#hasNames) void this.resolve();
    this.#timer = setInterval(() => this.#tend(), plan.resolveEveryMs).unref();
    this.#unsubscribe = plan.material?.subscribe(() => {
      for (const { endpoint, upstream } of this.#known.values()) {
        if (endpoint.secure) upstream.renew(this.#tls(endpoint));
      }
    });
  }

  /** Looks the names up, unless that is being done already. Never rejects. */
  resolve(): Promise<void> {
    this.#resolving ??= this.#lookUp().finally(() => {
      this.#resolving = undefined;
    });
    return this.#resolving;
  }

  async #lookUp(): Promise<void> {
    this.#resolvedAt = performance.now();
    const { endpoints, unresolved } = await resolveNames(this.plan.origins, this.plan.lookup ?? systemLookup);
    // What comes after the end has no one to close it.
    if (this.#isOver) return;
    this.#unresolved = unresolved;
    for (const [key, endpoint] of endpoints) if (!this.#known.has(key)) this.#add(key, endpoint);
    for (const [key, { endpoint, upstream }] of this.#known) {
      if (endpoints.has(key) || unresolved.has(endpoint.host)) continue;
      this.#known.delete(key);
      this.#leaving.add(upstream);
      void upstream.close().finally(() => this.#leaving.delete(upstream));
    }
    this.#refresh();
  }

  #tls({ secure }: ServiceEndpoint): ConnectionPlan['tls'] {
    const { material } = this.plan;
    return secure && material ? { identity: material.identity, trustDomain: material.trustDomain } : undefined;
  }

  #add(key: string, endpoint: ServiceEndpoint): void {
    const { service, connectTimeoutMs, limits } = this.plan;
    const { host, address, port } = endpoint;
    const tls = this.#tls(endpoint);
    const plan = { service, host, address, port, connectTimeoutMs, ...(tls && { tls }) };
    this.#known.set(key, { endpoint, upstream: new UpstreamAddress(plan, this.#owner, limits) });
  }

  get #upstreams(): UpstreamAddress[] {
    return Array.from(this.#known.values(), ({ upstream }) => upstream);
  }

  #refresh(): void {
    const known = this.#upstreams;
    if (known.some(isGood)) {
      this.usable = known.filter(({ state }) => state !== 'ejected');
      return;
    }
    // The last good one has gone, or names have moved away from it. What was left alone may be well by now: all are
    // tried, as Envoy does below its panic threshold, and looked at without waiting.
    this.usable = known;
    for (const upstream of known) upstream.hurry();
  }

  #tend(): void {
    for (const upstream of this.#upstreams) upstream.tend();
    if (this.#hasNames) void this.resolve();
  }

  /** What is known of every address, without asking. */
  reach(): ReachedAddress[] {
    const known = [...this.#known.values()];
    const nameless = this.plan.origins.filter(
      ({ host, port }) =>
        isIP(host) === 0 && !known.some(({ endpoint }) => endpoint.host === host && endpoint.port === port),
    );
    return [
      ...known.map(({ upstream: { name, state, inFlight, ejections } }) => ({
        address: name,
        state,
        inFlight,
        ejections,
      })),
      ...nameless.map(({ host, port }) => ({
        address: authority(host, port),
        state: 'unresolved' as const,
        inFlight: 0,
        ejections: 0,
      })),
    ];
  }

  /** Closes connections that idle. */
  letGo(): void {
    for (const upstream of this.#upstreams) upstream.renew();
  }

  /** Connects to the addresses that have answered nothing since the last check. */
  async check(): Promise<void> {
    if (this.#unresolved.size > 0 || this.#known.size === 0) await this.resolve();
    await Promise.all(
      this.#upstreams.map(async (upstream) => {
        if (upstream.state !== 'up' || upstream.completed === this.#seen.get(upstream)) await upstream.check();
        this.#seen.set(upstream, upstream.completed);
      }),
    );
  }

  /** Addresses come and go no more. */
  #stop(): UpstreamAddress[] {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#unsubscribe?.();
    return [...this.#upstreams, ...this.#leaving];
  }

  /** Resolves when all requests are answered and all connections closed. */
  async close(): Promise<void> {
    await Promise.all(this.#stop().map((upstream) => upstream.close()));
  }

  async destroy(error: Error | null): Promise<void> {
    await Promise.all(this.#stop().map((upstream) => upstream.destroy(error)));
  }
}
