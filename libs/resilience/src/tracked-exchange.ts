import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { CircuitBreaker } from './circuit-breaker.js';
import { OutOfTime } from './out-of-time.js';
import { MAX_RETRIES, retryAfterMs, retryDelayMs } from './retry-delay.js';
import { ServicePoolError } from './service-pool-error.js';
import { madeAnew, type ServiceRequestOptions, SHED_HEADER } from './service-request.js';
import type { UpstreamAddress } from './upstream-address.js';

type Controller = Dispatcher.DispatchController;
type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>[1];
type UpgradeParameters = Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestUpgrade']>>;

/** Where an exchange goes when its attempt came to nothing, and whom it tells when it is over. */
export interface ExchangeOwner {
  /** Told how requests end; absent: nobody is. */
  readonly breaker?: CircuitBreaker | undefined;
  /** Whether a request that was never sent may go to another address, or to the same where it may be repeated. */
  mayReplay(ownRetries: boolean): boolean;
  /** Whether one that was sent may be sent once more; asked for each. */
  mayRepeat(): boolean;
  /** Whether there is another address than the one that was asked. */
  hasOthers?(): boolean;
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
/** Who did not answer a request in less than this, in ms, was not given the time to. */
const FAIR_WAIT_MS = 1_000;
/** A refusal is read to its end before its request goes again, if it is no longer than this. */
const MAX_DROPPED_BYTES = 64 * 1024;

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
 * One request and the handler of whoever sent it: keeps the address's books and the breaker's, and sends the request
 * again where that cannot be told from sending it once (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
 *
 * A handler may see `onRequestStart` once more, with another controller; what it asks of the first one is not lost.
 */
export class TrackedExchange implements Dispatcher.DispatchHandler {
  /** The address of the present attempt. */
  target: UpstreamAddress | undefined;
  /** The address of the attempt before, which another is preferred to. */
  previous: UpstreamAddress | undefined;
  /** Number under which the breaker let the present attempt through. */
  era = 0;
  /** When the present attempt began, in ms (`performance.now`). */
  startedAt = 0;
  #controller: Controller | undefined;
  #replaced: Controller | undefined;
  #isAnswered = false;
  #isGatewayError = false;
  /** The breaker knows how the attempt ended. */
  #isJudged = false;
  /** The answer is told to nobody: the request goes again. */
  #dropped: { readonly waitMs: number } | undefined;
  #connectReplays = 0;
  #repeats = 0;

  constructor(
    private readonly owner: ExchangeOwner,
    public options: ServiceRequestOptions,
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
    if (statusCode >= 502 && statusCode <= 504) {
      const isShed = headers[SHED_HEADER] !== undefined;
      this.#isGatewayError = !isShed;
      if (isShed) this.#judge(undefined);
      if (statusCode === 503) this.#dropped = this.#comesAgain(headers, isShed);
      if (this.#dropped !== undefined) return;
    } else if (statusCode >= 200) this.#judge(true);
    // An error may end its own connection only.
    if (headers.connection === 'close' && statusCode < 400 && !this.#asksForTheEnd) this.target?.leaving();
    this.handler.onResponseStart?.(controller, statusCode, headers, statusMessage);
  }

  /** Whether the request itself says that its connection ends with it; undici does so for HEAD. */
  get #asksForTheEnd(): boolean {
    return this.options.reset === true || this.options.method === 'HEAD';
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#dropped === undefined) this.handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(controller: Controller, trailers: Headers): void {
    this.#settle(!this.#isGatewayError);
    if (this.#dropped !== undefined) {
      this.#goAgain(this.#dropped.waitMs);
      return;
    }
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
    const isFault = isReset || this.#isLate(error) || (!isOurs && (TIMEOUTS.has(code) || PROTOCOL_FAULT.test(code)));
    this.#settle(isFault ? false : undefined, isConnectFault);
    if (this.#dropped !== undefined && !isOurs) this.#goAgain(this.#dropped.waitMs);
    else if (this.#goesAgain(isConnectFault, isReset)) this.#goAgain(0);
    else this.fail(error, controller);
  }

  /** Called off because there was no answer for a time in which there should have been one. */
  #isLate(error: Error): boolean {
    return error instanceof OutOfTime && !this.#isAnswered && performance.now() - this.startedAt >= FAIR_WAIT_MS;
  }

  /** Ends the exchange without an attempt. */
  fail(error: Error, controller: Controller | null = null): void {
    this.owner.finished();
    // undici itself gives null when there was no attempt.
    this.handler.onResponseError?.(controller as Controller, error);
  }

  /** Whether the request may be sent twice by anybody here. */
  get #isRepeatable(): boolean {
    const { ownRetries, idempotent, method } = this.options;
    return ownRetries !== true && (idempotent ?? IDEMPOTENT.has(method));
  }

  #goesAgain(isConnectFault: boolean, isReset: boolean): boolean {
    if (this.#isAnswered || this.#replaced?.aborted || !isWhole(this.options.body)) return false;
    if (isConnectFault) {
      this.#connectReplays += 1;
      return this.#connectReplays <= MAX_CONNECT_REPLAYS && this.owner.mayReplay(this.options.ownRetries === true);
    }
    if (!isReset || !this.#isRepeatable || this.#repeats >= MAX_RESET_REPLAYS) return false;
    this.#repeats += 1;
    return this.owner.mayRepeat();
  }

  /**
   * A 503 says when to come again: elsewhere at once, to the same address when it says. Who sheds load where there is
   * nobody else is left in peace.
   *
   * @returns undefined where the answer counts
   */
  #comesAgain(headers: Headers, isShed: boolean): { readonly waitMs: number } | undefined {
    const { deadline, body } = this.options;
    const afterMs = retryAfterMs(headers['retry-after']);
    if (deadline === undefined || afterMs === undefined || !this.#isRepeatable || !isWhole(body)) return undefined;
    const hasOthers = this.owner.hasOthers?.() === true;
    if (this.#repeats >= MAX_RETRIES || (isShed && !hasOthers)) return undefined;
    // Of unknown length, which is no number, or long.
    if (!(Number(headers['content-length']) <= MAX_DROPPED_BYTES)) return undefined;
    const waitMs = retryDelayMs(this.#repeats, hasOthers ? 0 : afterMs);
    if (Date.now() + waitMs >= deadline || !this.owner.mayRepeat()) return undefined;
    this.#repeats += 1;
    return { waitMs };
  }

  #goAgain(waitMs: number): void {
    const controller = this.#controller ?? this.#replaced;
    this.#replaced = controller;
    this.#controller = undefined;
    this.#dropped = undefined;
    this.#isAnswered = false;
    this.#isGatewayError = false;
    this.#isJudged = false;
    const again = () => {
      if (controller?.aborted) {
        this.fail(controller.reason ?? new Error('aborted'), controller);
        return;
      }
      this.options = madeAnew(this.options);
      this.owner.again(this);
    };
    // Not from within the connection that is just being taken down.
    if (waitMs === 0) queueMicrotask(again);
    else setTimeout(again, waitMs);
  }

  /**
   * The attempt is over.
   * @param isGood undefined when it says nothing about the address
   * @param isUnreachable no connection came about, as the address knows already
   */
  #settle(isGood: boolean | undefined, isUnreachable = false): void {
    const target = this.target;
    if (target === undefined) return;
    this.target = undefined;
    this.previous = target;
    target.inFlight -= 1;
    if (isGood === true) target.succeeded();
    else if (isGood === false) target.failed();
    const isFailure = isGood === false || isUnreachable;
    // What an address is left alone for is no fault of the others.
    this.#judge(isFailure && target.state === 'ejected' ? undefined : isFailure ? false : isGood);
  }

  /** Tells the breaker how the attempt ended, once. */
  #judge(isGood: boolean | undefined): void {
    const { breaker } = this.owner;
    if (this.#isJudged || breaker === undefined) return;
    this.#isJudged = true;
    if (isGood === true) breaker.succeeded(this.era);
    else if (isGood === false) breaker.failed(this.era);
    else breaker.left(this.era);
  }
}
