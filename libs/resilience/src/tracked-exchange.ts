import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { ServicePoolError } from './service-pool-error.js';
import type { UpstreamAddress } from './upstream-address.js';

type Controller = Dispatcher.DispatchController;
type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>[1];
type UpgradeParameters = Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestUpgrade']>>;

/** Where an exchange goes when its attempt came to nothing, and whom it tells when it is over. */
export interface ExchangeOwner {
  /** Whether a request that was never sent may go to another address. */
  mayReplay(): boolean;
  /** Whether one that was sent may be sent once more; asked for each. */
  mayRepeat(): boolean;
  again(exchange: TrackedExchange): void;
  finished(): void;
}

/** RFC 9110 section 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY']);
const RESETS = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);
const PROTOCOL_FAULT = /^(HPE_|ERR_SSL_|UND_ERR_RES)/;

/** A request that found no connection may go on to two more addresses; one that was cut off goes again once. */
const MAX_CONNECT_REPLAYS = 2;
const MAX_RESET_REPLAYS = 1;

function streamOf(body: unknown): Readable | undefined {
  const isStream = typeof body === 'object' && body !== null && 'pipe' in body && typeof body.pipe === 'function';
  return isStream ? (body as Readable) : undefined;
}

/** Whether the body can be sent from its beginning. */
function isWhole(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === 'string' || ArrayBuffer.isView(body)) return true;
  const stream = streamOf(body);
  return stream !== undefined && !stream.destroyed && !Readable.isDisturbed(stream);
}

/**
 * One request and the handler of whoever sent it: keeps the address's books, and sends the request again where that
 * cannot be told from sending it once (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
 *
 * A handler may see `onRequestStart` once more, with another controller; what it asks of the first one is not lost.
 */
export class TrackedExchange implements Dispatcher.DispatchHandler {
  /** The address of the present attempt. */
  target: UpstreamAddress | undefined;
  /** The address of the attempt before, which another is preferred to. */
  previous: UpstreamAddress | undefined;
  #controller: Controller | undefined;
  #replaced: Controller | undefined;
  #isAnswered = false;
  #isGatewayError = false;
  #connectReplays = 0;
  #resetReplays = 0;

  constructor(
    private readonly owner: ExchangeOwner,
    readonly options: Dispatcher.DispatchOptions,
    private readonly handler: Dispatcher.DispatchHandler,
  ) {}

  onRequestStart(controller: Controller, context: unknown): void {
    this.#controller = controller;
    const replaced = this.#replaced;
    if (replaced?.aborted) controller.abort(replaced.reason ?? new Error('aborted'));
    else this.handler.onRequestStart?.(controller, context);
  }

  onBodySent(chunk: Buffer): void {
    this.handler.onBodySent?.(chunk);
  }

  onRequestSent(): void {
    this.handler.onRequestSent?.();
  }

  onResponseStarted(): void {
    this.#isAnswered = true;
    this.handler.onResponseStarted?.();
  }

  onResponseStart(controller: Controller, statusCode: number, headers: Headers, statusMessage?: string): void {
    this.#isGatewayError = statusCode >= 502 && statusCode <= 504;
    // An error may end its own connection only.
    if (headers.connection === 'close' && statusCode < 400 && !this.#asksForTheEnd) this.target?.leaving();
    this.handler.onResponseStart?.(controller, statusCode, headers, statusMessage);
  }

  /** Whether the request itself says that its connection ends with it; undici does so for HEAD. */
  get #asksForTheEnd(): boolean {
    return this.options.reset === true || this.options.method === 'HEAD';
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(controller: Controller, trailers: Headers): void {
    this.#settle(!this.#isGatewayError);
    this.owner.finished();
    this.handler.onResponseEnd?.(controller, trailers);
  }

  onRequestUpgrade(...parameters: UpgradeParameters): void {
    this.#settle(true);
    this.owner.finished();
    this.handler.onRequestUpgrade?.(...parameters);
  }

  onResponseError(controller: Controller | null, error: Error): void {
    const target = this.target;
    if (target === undefined) {
      // An end that the handler itself refuses comes back as an error after the end.
      this.handler.onResponseError?.(controller as Controller, error);
      return;
    }
    const isConnectFault = error instanceof ServicePoolError;
    // A client that goes away in the middle of its upload ends with the same codes as a service that does.
    const isOurs = controller?.aborted === true || streamOf(this.options.body)?.errored === error;
    const code = 'code' in error ? String(error.code) : '';
    const isReset = !isOurs && RESETS.has(code);
    if (isConnectFault) target.unreachable(error);
    this.#settle(isReset || (!isOurs && (TIMEOUTS.has(code) || PROTOCOL_FAULT.test(code))) ? false : undefined);
    if (this.#goesAgain(isConnectFault, isReset)) {
      this.#replaced = this.#controller ?? this.#replaced;
      this.#controller = undefined;
      // Not from within the connection that is just being taken down.
      queueMicrotask(() => this.owner.again(this));
      return;
    }
    this.fail(error, controller);
  }

  /** Ends the exchange without an attempt. */
  fail(error: Error, controller: Controller | null = null): void {
    this.owner.finished();
    // undici itself gives null when there was no attempt.
    this.handler.onResponseError?.(controller as Controller, error);
  }

  #goesAgain(isConnectFault: boolean, isReset: boolean): boolean {
    if (this.#isAnswered || this.#replaced?.aborted || !isWhole(this.options.body)) return false;
    if (isConnectFault) {
      this.#connectReplays += 1;
      return this.#connectReplays <= MAX_CONNECT_REPLAYS && this.owner.mayReplay();
    }
    if (!isReset || !(this.options.idempotent ?? IDEMPOTENT.has(this.options.method))) return false;
    this.#resetReplays += 1;
    return this.#resetReplays <= MAX_RESET_REPLAYS && this.owner.mayRepeat();
  }

  /** The attempt is over. @param isGood undefined when it says nothing about the address */
  #settle(isGood: boolean | undefined): void {
    const target = this.target;
    if (target === undefined) return;
    this.target = undefined;
    this.previous = target;
    target.inFlight -= 1;
    if (isGood === true) target.succeeded();
    else if (isGood === false) target.failed();
  }
}
