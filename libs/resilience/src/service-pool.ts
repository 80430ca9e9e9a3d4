import type { Socket } from 'node:net';
import type { ServiceName } from '@nexus/contracts';
import { Dispatcher, errors } from 'undici';
import { CircuitBreaker, REFUSED } from './circuit-breaker.js';
import { RetryBudget } from './retry-budget.js';
import { ServicePoolError } from './service-pool-error.js';
import type { PoolState, ServicePoolOptions } from './service-pool-options.js';
import type { ServiceRequestOptions } from './service-request.js';
import { type ReachedAddress, ServiceUpstreams } from './service-upstreams.js';
import { serviceOrigins } from './service-urls.js';
import { type ExchangeOwner, TrackedExchange } from './tracked-exchange.js';
import type { UpstreamAddress } from './upstream-address.js';

/** Everything that can wait while no address is known. */
const MAX_PARKED = 1_024;
const MAX_OPEN_TRIES = 3;
const ORIGIN = new URL('http://service');

/**
 * The connections to one service, wherever it runs: a `Dispatcher` of undici. Each request goes to the less busy of
 * two addresses picked at random (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001);
 * addresses that fail are left alone for a while, the last one never. Over TLS the peer must be the service by its
 * certificate, and a new identity of this process is taken up without a failed request.
 *
 * It is also what holds the trouble of one service back from all else (M. Nygard, Release It!, 2nd ed., ch. 5): a bound of
 * what runs and waits, a breaker, and one budget of retries for everybody in the process who asks the service.
 *
 * Errors that reach a handler are undici's, or {@link ServicePoolError} for what never left.
 */
export class ServicePool extends Dispatcher {
  readonly #service: ServiceName;
  readonly #upstreams: ServiceUpstreams;
  readonly #owner: ExchangeOwner;
  /** Of requests that are no part of what is limited and judged. */
  readonly #lasting: ExchangeOwner;
  readonly #maxInFlight: number;
  readonly #breaker: CircuitBreaker | undefined;
  /** Of everybody who repeats requests to this service. */
  readonly budget = new RetryBudget();
  #running = 0;
  #refusedOpen = 0;
  #refusedBusy = 0;
  #parked = 0;
  #state: 'open' | 'closed' | 'destroyed' = 'open';
  #whenIdle: (() => void)[] = [];

  /** @throws Error when an origin is not one, or `https://` is asked for without an identity */
  constructor(options: ServicePoolOptions) {
    super();
    const { service, material, connections = 128 } = options;
    const origins = serviceOrigins(options.urls);
    if (material === undefined && origins.some(({ secure }) => secure)) {
      throw new Error(`The service ${service} is reached over https, so TLS_CERT, TLS_KEY and TLS_CA are needed`);
    }
    this.#service = service;
    this.#maxInFlight = options.maxInFlight ?? connections + 1_024;
    this.#breaker =
      options.breaker &&
      new CircuitBreaker({ ...options.breaker, ...(options.onCircuit ? { onChange: options.onCircuit } : {}) });
    const mayRepeat = () => options.replay !== false && this.budget.takeRetry();
    this.#owner = {
      breaker: this.#breaker,
      again: (exchange) => void this.#send(exchange),
      // To another address is where it should have gone at once; to the same one it is a retry.
      mayReplay: (ownRetries) => (this.#hasOthers ? options.replay !== false : !ownRetries && mayRepeat()),
      mayRepeat,
      hasOthers: () => this.#hasOthers,
      finished: () => this.#finished(),
    };
    this.#lasting = { ...this.#owner, breaker: undefined };
    this.#upstreams = new ServiceUpstreams({
      service,
      origins,
      material,
      connectTimeoutMs: options.connectTimeoutMs ?? 1_000,
      resolveEveryMs: options.resolveEveryMs ?? 5_000,
      limits: {
        connections,
        headersTimeoutMs: options.headersTimeoutMs ?? 30_000,
        bodyTimeoutMs: options.bodyTimeoutMs ?? 30_000,
        maxConnectionAgeMs: options.maxConnectionAgeMs ?? 600_000,
      },
      lookup: options.lookup,
      onEvent: options.onEvent,
      onDrain: () => this.emit('drain', ORIGIN),
      onGood: () => this.#breaker?.hurry(),
    });
  }

  /** As of undici: @returns false when the next request would have to wait for a connection */
  override dispatch(options: ServiceRequestOptions, handler: Dispatcher.DispatchHandler): boolean {
    const exchange = new TrackedExchange(options.lasts === true ? this.#lasting : this.#owner, options, handler);
    this.#running += 1;
    if (this.#state !== 'open') {
      exchange.fail(this.#state === 'closed' ? new errors.ClientClosedError() : new errors.ClientDestroyedError());
      return false;
    }
    if (this.#running > this.#maxInFlight && options.lasts !== true) {
      exchange.fail(this.#busy());
      return false;
    }
    const now = performance.now();
    if (options.ownRetries !== true) this.budget.countCall(now);
    return this.#send(exchange, now);
  }

  #send(exchange: TrackedExchange, now = performance.now()): boolean {
    const target = this.#pick(exchange.previous);
    if (target === undefined) {
      void this.#park(exchange);
      return false;
    }
    if (this.#breaker !== undefined && exchange.options.lasts !== true) {
      exchange.era = this.#breaker.enter();
      if (exchange.era === REFUSED) {
        exchange.fail(this.#openError());
        return false;
      }
    }
    exchange.startedAt = now;
    target.inFlight += 1;
    exchange.target = target;
    return target.dispatch(exchange.options, exchange);
  }

  /**
   * A connection of the caller's own, to an address picked as for a request, and the next one where it takes none: for
   * what a pooled connection cannot do. Whoever asks closes it.
   *
   * @throws ServicePoolError
   */
  async open(): Promise<Socket> {
    let target: UpstreamAddress | undefined;
    for (let tries = 1; ; tries += 1) {
      if (this.#state !== 'open') throw new errors.ClientClosedError();
      if (this.#breaker !== undefined && this.#breaker.waitMs > 0) throw this.#openError();
      target = this.#pick(target);
      if (target === undefined && tries === 1) {
        await this.#upstreams.resolve();
        target = this.#pick(undefined);
      }
      if (target === undefined)
        throw new ServicePoolError('UPSTREAM_UNKNOWN', `No address of ${this.#service} is known`);
      try {
        return await target.connect();
      } catch (error) {
        if (tries >= MAX_OPEN_TRIES) throw error;
      }
    }
  }

  #pick(avoided: UpstreamAddress | undefined): UpstreamAddress | undefined {
    const { usable } = this.#upstreams;
    const count = usable.length;
    if (count < 2) return usable[0];
    const one = Math.floor(Math.random() * count);
    const step = 1 + Math.floor(Math.random() * (count - 1));
    const first = usable[one];
    const second = usable[(one + step) % count];
    if (first === undefined || second === undefined || first === avoided) return second;
    return second === avoided || first.inFlight <= second.inFlight ? first : second;
  }

  /** Nothing is known yet: the request waits for the names. */
  async #park(exchange: TrackedExchange): Promise<void> {
    if (this.#parked >= MAX_PARKED) {
      exchange.fail(this.#busy());
      return;
    }
    this.#parked += 1;
    await this.#upstreams.resolve();
    this.#parked -= 1;
    if (this.#state === 'destroyed') exchange.fail(new errors.ClientDestroyedError());
    else if (this.#upstreams.usable.length > 0) this.#send(exchange);
    else exchange.fail(new ServicePoolError('UPSTREAM_UNKNOWN', `No address of ${this.#service} is known`));
  }

  get #hasOthers(): boolean {
    return this.#upstreams.usable.length > 1;
  }

  #openError(): ServicePoolError {
    this.#refusedOpen += 1;
    return new ServicePoolError('UPSTREAM_OPEN', `The service ${this.#service} fails and is not asked for a while`, {
      retryAfterMs: this.#breaker?.waitMs ?? 0,
    });
  }

  #busy(): ServicePoolError {
    this.#refusedBusy += 1;
    return new ServicePoolError('UPSTREAM_BUSY', `Too many requests run and wait at ${this.#service}`);
  }

  #finished(): void {
    this.#running -= 1;
    if (this.#running > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** How it is with the service as a whole. */
  get state(): PoolState {
    return {
      circuit: this.#breaker?.state ?? 'closed',
      inFlight: this.#running,
      maxInFlight: this.#maxInFlight,
      refusedOpen: this.#refusedOpen,
      refusedBusy: this.#refusedBusy,
      retries: this.budget.granted,
      retriesDenied: this.budget.denied,
    };
  }

  /** What is known of every address, without asking. */
  reach(): ReachedAddress[] {
    return this.#upstreams.reach();
  }

  /** As {@link reach}, after connecting to addresses that have answered nothing since the last check. */
  async check(): Promise<ReachedAddress[]> {
    await this.#upstreams.check();
    return this.reach();
  }

  /** Closes the connections that nobody uses; what runs goes on, and more may come. */
  letGo(): void {
    this.#upstreams.letGo();
  }

  /** Takes no more requests; done when those that run are answered, however long that takes, replays included. */
  override close(callback: () => void): void;
  override close(): Promise<void>;
  override close(callback?: () => void): Promise<void> | void {
    if (this.#state === 'open') this.#state = 'closed';
    const closed = this.#closeWhenIdle();
    if (callback === undefined) return closed;
    void closed.then(callback);
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    await this.#upstreams.close();
  }

  /** Cuts everything off but connections that were upgraded; what runs ends with the error. */
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null): Promise<void>;
  override destroy(): Promise<void>;
  override destroy(first?: Error | null | (() => void), second?: () => void): Promise<void> | void {
    this.#state = 'destroyed';
    const callback = typeof first === 'function' ? first : second;
    const destroyed = this.#upstreams.destroy(typeof first === 'function' ? null : (first ?? null));
    if (callback === undefined) return destroyed;
    void destroyed.then(callback);
  }
}
