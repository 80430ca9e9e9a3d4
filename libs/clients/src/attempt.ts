import { OutOfTime, type ServiceRequestOptions } from '@nexus/resilience';
import type { Dispatcher } from 'undici';
import { MAX_ANSWER_BYTES } from './wire.js';

/** What sends requests to one service: an undici `Pool`, or anything that behaves like one. */
export type CallDispatcher = Pick<Dispatcher, 'dispatch'>;

/** Headers of an answer, lower-case names. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: 'answered'; readonly status: number; readonly headers: AnswerHeaders; readonly body: Buffer }
  /** No whole answer came. */
  | { readonly kind: 'failed'; readonly cause: unknown }
  /** An answer is coming that nobody should hold in memory. */
  | { readonly kind: 'oversized' }
  /** Nobody waits any more: the deadline has passed or the caller is gone. */
  | { readonly kind: 'given-up' };

const GIVEN_UP = new Error('Nobody waits for the answer any more');
const OVERSIZED = new Error('The answer is too large');
const EMPTY = Buffer.alloc(0);

/** One request and its answer; settles once. `dispatch` makes no stream for the body, as `request` would. */
class Attempt implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | undefined;
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private status = 0;
  private headers: AnswerHeaders = {};
  private settled = false;
  /** What it is called off with. */
  private reason: Error = GIVEN_UP;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly settle: (outcome: Outcome) => void,
    private readonly signal: AbortSignal,
    timeoutMs: number,
  ) {
    this.timer = setTimeout(this.runOut, timeoutMs);
    signal.addEventListener('abort', this.giveUp);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // It waited for a connection, and the caller did not.
    if (this.settled) controller.abort(this.reason);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    // 1xx come before the answer.
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    if (Number(headers['content-length'] ?? 0) > MAX_ANSWER_BYTES) this.refuse();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size > MAX_ANSWER_BYTES) this.refuse();
    else this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first = EMPTY] = this.chunks;
    const body = this.chunks.length > 1 ? Buffer.concat(this.chunks, this.size) : first;
    this.finish({ kind: 'answered', status: this.status, headers: this.headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: unknown): void {
    this.finish({ kind: 'failed', cause });
  }

  /** Nobody waits any more, and that is not because the caller left. */
  private readonly runOut = (): void => {
    this.reason = new OutOfTime();
    this.giveUp();
  };

  private readonly giveUp = (): void => {
    this.finish({ kind: 'given-up' });
    this.controller?.abort(this.reason);
  };

  private refuse(): void {
    this.finish({ kind: 'oversized' });
    this.controller?.abort(OVERSIZED);
  }

  private finish(outcome: Outcome): void {
    if (this.settled) return;
    this.settled = true;
    clearTimeout(this.timer);
    this.signal.removeEventListener('abort', this.giveUp);
    this.chunks.length = 0;
    this.settle(outcome);
  }
}

/**
 * Sends a request once and reads its answer, up to 16 MiB. Never rejects.
 *
 * @param signal gives it up
 * @param timeoutMs after which it is given up, wherever it is
 */
export function attempt(
  dispatcher: CallDispatcher,
  options: ServiceRequestOptions,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const handler = new Attempt(resolve, signal, timeoutMs);
    try {
      dispatcher.dispatch(options, handler);
    } catch (cause) {
      handler.onResponseError(undefined as never, cause);
    }
  });
}
