import { type Dispatcher, errors } from 'undici';
import type { AnswerHead, Fields } from './answer-head.js';
import type { PlainRequest } from './plain-request.js';

/** The connection as the request that it carries sees it. */
export interface Carrier {
  pause(): void;
  resume(): void;
  destroy(): void;
}

/** Longest waits of a request in ms; 0 for none. */
export interface Patience {
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

/**
 * One request and the handler of whoever sent it, which it is the controller of, as undici's handlers know theirs. What a
 * handler throws ends its request.
 */
export class LeanRequest implements Dispatcher.DispatchController {
  /** The one that waits behind this one. */
  next: LeanRequest | undefined;
  /** Set for as long as the request is on a connection. */
  carrier: Carrier | undefined;
  aborted = false;
  paused = false;
  reason: Error | null = null;
  /** A byte of the answer has come. */
  isAnswered = false;
  /** The head of the answer has come. */
  hasHead = false;
  isOver = false;
  #isStarted = false;

  /** @param settled called once, before the handler hears of the end */
  constructor(
    readonly plain: PlainRequest,
    readonly patience: Patience,
    private readonly handler: Dispatcher.DispatchHandler,
    private readonly settled: () => void,
  ) {}

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.carrier?.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.carrier?.resume();
  }

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    if (!this.isOver) this.#breakOff(reason ?? new errors.RequestAbortedError());
  }

  /** A connection is there. @returns false when the request is over: nobody wants it any more */
  start(): boolean {
    this.#isStarted = true;
    try {
      this.handler.onRequestStart?.(this, null);
    } catch (error) {
      this.#breakOff(error as Error);
    }
    return !this.isOver;
  }

  sent(): void {
    const { body } = this.plain;
    try {
      if (body !== undefined) this.handler.onBodySent?.(body);
      if (!this.isOver) this.handler.onRequestSent?.();
    } catch (error) {
      this.#breakOff(error as Error);
    }
  }

  answered(): void {
    this.isAnswered = true;
    try {
      this.handler.onResponseStarted?.();
    } catch (error) {
      this.#breakOff(error as Error);
    }
  }

  head({ status, fields, reason }: AnswerHead): void {
    if (this.isOver) return;
    this.hasHead = status >= 200;
    try {
      this.handler.onResponseStart?.(this, status, fields, reason);
    } catch (error) {
      this.#breakOff(error as Error);
    }
  }

  data(chunk: Buffer): void {
    if (this.isOver) return;
    try {
      this.handler.onResponseData?.(this, chunk);
    } catch (error) {
      this.#breakOff(error as Error);
    }
  }

  end(trailers: Fields): void {
    if (!this.#settle()) return;
    try {
      this.handler.onResponseEnd?.(this, trailers);
    } catch (error) {
      this.#tellError(error as Error);
    }
  }

  /** It came to nothing. */
  fail(error: Error): void {
    if (!this.#settle()) return;
    this.#tellError(error);
  }

  #tellError(error: Error): void {
    try {
      // As undici: no controller where there was no attempt.
      this.handler.onResponseError?.((this.#isStarted ? this : null) as Dispatcher.DispatchController, error);
    } catch (fault) {
      // Nobody is left to be told: it is a fault of the program, but not of the connection and who else waits for it.
      queueMicrotask(() => {
        throw fault;
      });
    }
  }

  #breakOff(error: Error): void {
    const { carrier } = this;
    this.fail(error);
    carrier?.destroy();
  }

  #settle(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.carrier = undefined;
    this.settled();
    return true;
  }
}
