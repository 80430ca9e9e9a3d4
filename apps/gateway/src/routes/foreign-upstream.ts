import type { Socket } from 'node:net';
import { CircuitBreaker, OutOfTime, REFUSED, RetryBudget, ServicePoolError } from '@nexus/resilience';
import type { Dispatcher } from 'undici';
import { ForeignAddress, NoConnection } from './foreign-address.js';

type Controller = Dispatcher.DispatchController;
type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>[1];

const RESETS = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
/** undici's own faults, which say nothing about an address. */
const NOT_THE_ADDRESS = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_ABORTED', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED']);
/** Who did not answer a request in less than this, in ms, was not given the time to. */
const FAIR_WAIT_MS = 1_000;

/** How trouble of servers outside is held back from all else. */
export interface ForeignProtection {
  /** Requests that may run and wait at the servers of a route. */
  readonly maxInFlight: number;
  /** Whether they are left alone for a while when they fail. */
  readonly breaker: boolean;
}

/** The servers behind a route: each request goes to the one that has the fewest, and on where no connection comes about. */
export class ForeignUpstream {
  /** Absent: they are asked however often they fail. */
  readonly breaker: CircuitBreaker | undefined;
  readonly budget = new RetryBudget();
  private readonly addresses: readonly ForeignAddress[];
  private turn = 0;
  private inFlight = 0;

  /** @param origins at least one */
  constructor(
    readonly origins: readonly string[],
    private readonly protection: ForeignProtection,
  ) {
    this.breaker = protection.breaker ? new CircuitBreaker() : undefined;
    this.addresses = origins.map((origin) => new ForeignAddress(origin));
  }

  /** The same for the same servers. */
  get key(): string {
    return this.origins.join(' ');
  }

  /** The best that is not in `tried`; those that rest come last. */
  pick(tried: ReadonlySet<ForeignAddress>): ForeignAddress | undefined {
    const now = performance.now();
    this.turn = (this.turn + 1) % this.addresses.length;
    let best: ForeignAddress | undefined;
    for (let i = 0; i < this.addresses.length; i++) {
      const one = this.addresses[(this.turn + i) % this.addresses.length] as ForeignAddress;
      if (tried.has(one)) continue;
      const isBetter = !best || (one.rests(now) === best.rests(now) ? one.inFlight < best.inFlight : best.rests(now));
      if (isBetter) best = one;
    }
    return best;
  }

  /**
   * Sends a request whose body can be sent again. The handler may see `onRequestStart` twice.
   *
   * Told to the handler: ServicePoolError `UPSTREAM_BUSY` and `UPSTREAM_OPEN` for what is not sent.
   */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    if (this.inFlight >= this.protection.maxInFlight) {
      const busy = new ServicePoolError('UPSTREAM_BUSY', 'Too many requests run and wait at the servers of the route');
      handler.onResponseError?.(null as never, busy);
      return;
    }
    const era = this.breaker?.enter() ?? 0;
    if (era === REFUSED) {
      handler.onResponseError?.(null as never, this.refusal());
      return;
    }
    this.inFlight += 1;
    this.budget.countCall();
    new Attempts(this, options, handler, (isGood) => this.ended(era, isGood)).send();
  }

  /** @param isGood undefined where that says nothing about the servers */
  private ended(era: number, isGood: boolean | undefined): void {
    this.inFlight -= 1;
    if (isGood === true) this.breaker?.succeeded(era);
    else if (isGood === false) this.breaker?.failed(era);
    else this.breaker?.left(era);
  }

  private refusal(): ServicePoolError {
    const retryAfterMs = this.breaker?.waitMs ?? 0;
    return new ServicePoolError('UPSTREAM_OPEN', 'The servers of the route fail and are not asked for a while', {
      retryAfterMs,
    });
  }

  /**
   * A connection of its own, to the first that takes one.
   * @throws NoConnection when none does; ServicePoolError `UPSTREAM_OPEN` when none is asked
   */
  async connect(): Promise<{ readonly socket: Socket; readonly host: string }> {
    if ((this.breaker?.waitMs ?? 0) > 0) throw this.refusal();
    const tried = new Set<ForeignAddress>();
    for (;;) {
      const address = this.pick(tried) as ForeignAddress;
      tried.add(address);
      try {
        const socket = await address.connect();
        address.succeeded();
        address.inFlight += 1;
        socket.once('close', () => {
          address.inFlight -= 1;
        });
        return { socket, host: address.host };
      } catch (error) {
        address.failed();
        if (tried.size === this.addresses.length) throw error;
      }
    }
  }

  /** Takes pooled connections away when the requests on them are answered; requests that still come are served. */
  async close(): Promise<void> {
    await Promise.all(this.addresses.map((address) => address.close()));
  }

  /** Cuts off what still runs. */
  async destroy(): Promise<void> {
    await Promise.all(this.addresses.map((address) => address.destroy()));
  }
}

/**
 * One request and the servers that were asked. It goes on to the next where it was never sent, and once more to any where
 * a pooled connection ended without an answer and a second time does no harm (RFC 9110 §9.2.2).
 */
class Attempts implements Dispatcher.DispatchHandler {
  private readonly tried = new Set<ForeignAddress>();
  private address: ForeignAddress | undefined;
  private started = false;
  private answered = false;
  private repeated = false;
  private isOver = false;
  private isGood: boolean | undefined;
  private readonly startedAt = performance.now();

  constructor(
    private readonly upstream: ForeignUpstream,
    private readonly options: Dispatcher.DispatchOptions,
    private readonly handler: Dispatcher.DispatchHandler,
    /** Told once how it ended. */
    private readonly ended: (isGood: boolean | undefined) => void,
  ) {}

  /** @returns whether there was somebody left to ask */
  send(): boolean {
    const address = this.upstream.pick(this.tried);
    if (!address) return false;
    this.started = false;
    this.tried.add(address);
    this.address = address;
    address.inFlight += 1;
    address.dispatch(this.options, this);
    return true;
  }

  private settle(): ForeignAddress | undefined {
    const { address } = this;
    this.address = undefined;
    if (address) address.inFlight -= 1;
    return address;
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.started = true;
    this.address?.succeeded();
    this.handler.onRequestStart?.(controller, context);
  }

  onResponseStart(controller: Controller, status: number, headers: Headers, message?: string): void {
    this.answered = true;
    if (status >= 200) this.isGood = status < 502 || status > 504;
    this.handler.onResponseStart?.(controller, status, headers, message);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(controller: Controller, trailers: Headers): void {
    this.settle();
    this.ended(this.isGood);
    this.isOver = true;
    this.handler.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: Controller | null, error: Error): void {
    const address = this.settle();
    const code = String((error as { readonly code?: unknown }).code ?? '');
    const isOurs = controller?.aborted === true || NOT_THE_ADDRESS.has(code);
    const isUnsent = !this.started && !isOurs;
    if (isUnsent) address?.failed();
    const isRepeatable =
      this.started &&
      !isOurs &&
      !this.answered &&
      !this.repeated &&
      RESETS.has(code) &&
      this.options.idempotent === true &&
      this.upstream.budget.takeRetry();
    if (isRepeatable) {
      this.repeated = true;
      this.tried.clear();
    }
    // Not from within the connection that is just being taken down.
    if (isUnsent || isRepeatable)
      queueMicrotask(() => this.again(controller, isUnsent ? new NoConnection(error) : error));
    else this.fail(controller, error, isOurs && !this.isLate(error) ? undefined : false);
  }

  /** Called off because there was no answer for a time in which there should have been one. */
  private isLate(error: Error): boolean {
    return error instanceof OutOfTime && !this.answered && performance.now() - this.startedAt >= FAIR_WAIT_MS;
  }

  private again(controller: Controller | null, error: Error): void {
    if (!this.send()) this.fail(controller, error, false);
  }

  private fail(controller: Controller | null, error: Error, isGood: boolean | undefined): void {
    // An end that the handler itself refuses comes back as an error after the end.
    if (!this.isOver) this.ended(this.isGood ?? isGood);
    this.isOver = true;
    this.handler.onResponseError?.(controller as Controller, error);
  }
}
