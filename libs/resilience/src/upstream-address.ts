import type { Socket } from 'node:net';
import type { ServiceName } from '@nexus/contracts';
import type { Dispatcher } from 'undici';
import { AddressConnections } from './address-connections.js';
import { type ConnectionPlan, type ServiceConnector, serviceConnector } from './service-connector.js';
import { reasonOf } from './service-pool-error.js';
import { authority } from './service-urls.js';

/**
 * `untried` nothing was asked of it yet, `up` its last connection or answer was good, `failing` it was not, but it is
 * still asked because there is no other, `ejected` it is not asked for a while.
 */
export type AddressState = 'untried' | 'up' | 'failing' | 'ejected';

/** What happened to an address, for the log and the metrics. */
export interface AddressEvent {
  readonly type: 'ejected' | 'returned';
  readonly service: ServiceName;
  readonly address: string;
  /** Code of the error, or what was answered. */
  readonly reason: string;
}

/** Limits of one address. */
export interface AddressLimits {
  readonly connections: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxConnectionAgeMs: number;
}

/** The pool as its addresses see it. */
export interface AddressOwner {
  /** Whether another address could be asked in its place. */
  mayEject(address: UpstreamAddress): boolean;
  /** The state has changed. @param isWell to one that speaks for it */
  changed(isWell: boolean): void;
  /** No connection came about: the name may have moved. */
  lost(): void;
  tell(event: AddressEvent): void;
  drained(): void;
}

const MAX_FAILURES = 5;
const EJECTION_STEP_MS = 1_000;
const MAX_EJECTION_MS = 30_000;
/** Between two looks at an address while there is no other. */
const HURRY_GAP_MS = 100;
/** A peer that ends every connection is not left more often. */
const LEAVING_GAP_MS = 1_000;

/**
 * One address of a service: its connections, and whether it is worth asking. The rule is Envoy's outlier detection:
 * five gateway errors in a row eject it for 1 s, the next time for 2 s, and so on; a failed connection does so at once.
 */
export class UpstreamAddress {
  inFlight = 0;
  /** Answers that have come, good or bad. */
  completed = 0;
  /** How often in a row it was left alone. */
  ejections = 0;
  state: AddressState = 'untried';
  #plan: ConnectionPlan;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #connect: ServiceConnector;
  #connections: AddressConnections;
  #renewAt: number;
  #leftAt = 0;
  #isProbing = false;
  #isHurried = false;
  #probedAt = Number.NEGATIVE_INFINITY;
  readonly #retired = new Map<AddressConnections, Promise<void>>();
  #isClosed = false;

  constructor(
    plan: ConnectionPlan,
    private readonly owner: AddressOwner,
    private readonly limits: AddressLimits,
  ) {
    this.#plan = plan;
    this.#connect = serviceConnector(plan);
    this.#connections = this.#open();
    this.#renewAt = this.#ageLimit();
  }

  /** `10.0.0.1:8082`. */
  get name(): string {
    return authority(this.#plan.address, this.#plan.port);
  }

  #open(): AddressConnections {
    return new AddressConnections({
      authority: authority(this.#plan.host, this.#plan.port),
      connect: this.#connect,
      connections: this.limits.connections,
      headersTimeoutMs: this.limits.headersTimeoutMs,
      bodyTimeoutMs: this.limits.bodyTimeoutMs,
      onDrain: () => this.owner.drained(),
    });
  }

  /** As of undici: @returns false when the next request would have to wait for a connection */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#connections.dispatch(options, handler);
  }

  /** Connects as another identity from now on, or anew; requests on the connections of before come to their end. */
  renew(tls: ConnectionPlan['tls'] = this.#plan.tls): void {
    if (tls?.identity !== this.#plan.tls?.identity) {
      this.#plan = { ...this.#plan, tls };
      this.#connect = serviceConnector(this.#plan);
    }
    this.#retire(this.#connections);
    this.#connections = this.#open();
    this.#renewAt = this.#ageLimit();
  }

  /** Spread, so that not everybody shakes hands at once. */
  #ageLimit(): number {
    return Date.now() + this.limits.maxConnectionAgeMs * (0.8 + 0.4 * Math.random());
  }

  #retire(connections: AddressConnections): void {
    const forget = () => void this.#retired.delete(connections);
    // It is refused where they were destroyed meanwhile, which is an end too.
    this.#retired.set(connections, connections.close().then(forget, forget));
  }

  /** An answer came. */
  succeeded(): void {
    this.completed += 1;
    this.#failures = 0;
    if (this.state === 'up' || this.state === 'ejected') return;
    const wasFailing = this.state === 'failing';
    this.state = 'up';
    if (wasFailing) this.owner.changed(true);
  }

  /** A gateway error was answered, or the connection was cut. */
  failed(): void {
    this.completed += 1;
    this.#failures += 1;
    if (this.#failures >= MAX_FAILURES) this.#eject(`${MAX_FAILURES} failures in a row`);
  }

  /** No connection came about. */
  unreachable(error: Error): void {
    this.owner.lost();
    this.#eject(reasonOf(error.cause ?? error));
  }

  /**
   * It answered well, and ends the connection: it is going away. Our idle connections to it are closed from this end,
   * because a request that meets a close from the other end cannot always be sent again.
   */
  leaving(): void {
    if (Date.now() - this.#leftAt < LEAVING_GAP_MS) return;
    this.#leftAt = Date.now();
    // Not in the middle of the answer.
    queueMicrotask(() => {
      if (this.#isClosed) return;
      this.renew();
      this.#eject('draining');
    });
  }

  #eject(reason: string): void {
    if (this.state === 'ejected' || this.#isClosed) return;
    const mayEject = this.owner.mayEject(this);
    this.state = mayEject ? 'ejected' : 'failing';
    if (mayEject) {
      this.ejections += 1;
      this.#wait();
    }
    this.owner.changed(false);
    if (mayEject) this.owner.tell({ type: 'ejected', service: this.#plan.service, address: this.name, reason });
  }

  #wait(): void {
    this.#comeBackIn(Math.min(EJECTION_STEP_MS * this.ejections, MAX_EJECTION_MS));
  }

  #comeBackIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#comeBack(), ms).unref();
  }

  /** No other is left to ask: an address that was left alone is looked at now. */
  hurry(): void {
    const sinceMs = performance.now() - this.#probedAt;
    if (this.state !== 'ejected' || this.#isProbing) return;
    this.#isHurried = true;
    this.#comeBackIn(Math.max(0, HURRY_GAP_MS - sinceMs));
  }

  /** Requests return only to an address that takes a connection. */
  async #comeBack(): Promise<void> {
    this.#isProbing = true;
    const fault = await this.#probe();
    this.#isProbing = false;
    this.#probedAt = performance.now();
    if (this.#isClosed) return;
    // Looks that did not wait their time do not make the next wait longer.
    if (fault !== undefined && !this.#isHurried) this.ejections += 1;
    this.#isHurried = false;
    if (fault !== undefined) {
      this.#wait();
      return;
    }
    this.#failures = 0;
    this.state = 'up';
    this.owner.changed(true);
    this.owner.tell({ type: 'returned', service: this.#plan.service, address: this.name, reason: 'connected' });
  }

  /** Opens a connection and closes it. @returns why that failed */
  #probe(): Promise<Error | undefined> {
    return this.#socket().then(
      (socket) => void socket.destroy(),
      (error: Error) => error,
    );
  }

  #socket(): Promise<Socket> {
    const { address, host, port } = this.#plan;
    return new Promise((resolve, reject) => {
      this.#connect({ hostname: address, host, protocol: 'http:', port: String(port) }, (error, socket) => {
        if (socket) resolve(socket);
        else reject(error ?? new Error('no connection'));
      });
    });
  }

  /** A connection outside of the pool. @throws ServicePoolError */
  async connect(): Promise<Socket> {
    try {
      const socket = await this.#socket();
      if (this.state !== 'ejected' && this.#failures < MAX_FAILURES) this.succeeded();
      return socket;
    } catch (error) {
      this.unreachable(error as Error);
      throw error;
    }
  }

  /** Learns by a connection of its own whether the address can be reached. */
  async check(): Promise<void> {
    if (this.state === 'ejected') return;
    const fault = await this.#probe();
    if (this.#isClosed) return;
    if (fault === undefined) {
      if (this.#failures < MAX_FAILURES) this.succeeded();
    } else this.unreachable(fault);
  }

  /** To be called now and then: forgets old ejections, and ends connections that are old, for certificates end too. */
  tend(): void {
    if (Date.now() >= this.#renewAt) this.renew();
    if (this.state === 'up' && this.ejections > 0 && this.#failures === 0) this.ejections -= 1;
  }

  /** Takes no more requests; resolves when those it has are answered. */
  async close(): Promise<void> {
    if (!this.#isClosed) this.#retire(this.#connections);
    this.#stop();
    await Promise.all(this.#retired.values());
  }

  async destroy(error: Error | null): Promise<void> {
    this.#stop();
    const all = [this.#connections, ...this.#retired.keys()];
    await Promise.all(all.map((connections) => connections.destroy(error)));
  }

  #stop(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
