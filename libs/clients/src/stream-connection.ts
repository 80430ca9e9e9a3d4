import { Readable } from 'node:stream';
import type { ServiceRequestOptions } from '@nexus/resilience';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import type { AnswerHeaders, CallDispatcher } from './attempt.js';
import { LineReader } from './line-reader.js';
import { MAX_LINE_BYTES, STREAM_TYPE } from './wire.js';

/** Whom a connection tells what it hears. */
export interface StreamHearer {
  opened(connection: StreamConnection): void;
  /** An entry came; it is acknowledged when this returns. @throws Error for one that is none of the contract */
  entry(value: unknown): void;
  /** A sign of life: everything up to so many ms ago was told. */
  beat(ageMs: number): void;
  /** The provider wants to be left. */
  leave(connection: StreamConnection): void;
  /** It is over, once. @param cause undefined for an end in order */
  ended(connection: StreamConnection, cause: unknown): void;
}

const line = z.object({
  entry: z.unknown().optional(),
  at: z.number().optional(),
  end: z.literal(true).optional(),
});

/** Nobody follows the stream any more. */
export const CLOSED = new Error('Nobody follows the stream any more');

/** One connection to a stream's provider, both ways: what comes is acknowledged, and signs of life are asked for. */
export class StreamConnection implements Dispatcher.DispatchHandler {
  private readonly startedAt = performance.now();
  private readonly lines = new LineReader(MAX_LINE_BYTES);
  // What it is destroyed with is known where it is destroyed.
  private readonly said = new Readable({ read: () => undefined }).on('error', () => undefined);
  private controller: Dispatcher.DispatchController | undefined;
  private heardAt = performance.now();
  private taken = 0;
  private acknowledged = 0;
  private leaving = false;
  private over = false;
  opened = false;

  constructor(private readonly hearer: StreamHearer) {
    // The head of the request leaves with its first bytes.
    this.ask();
  }

  /** Begins; what goes wrong is told as its end. @param headers names and values in turn */
  start(dispatcher: CallDispatcher, path: string, headers: readonly string[]): void {
    const request: ServiceRequestOptions = {
      path,
      method: 'POST',
      headers: ['accept', STREAM_TYPE, 'content-type', STREAM_TYPE, ...headers],
      body: this.said,
      // Where a stream has ended its provider may be about to stop: the next one begins on a new connection.
      reset: true,
      headersTimeout: 0,
      bodyTimeout: 0,
      lasts: true,
    };
    try {
      dispatcher.dispatch(request, this);
    } catch (cause) {
      this.end(cause);
    }
  }

  /** Milliseconds since something came. */
  get silentMs(): number {
    return performance.now() - this.heardAt;
  }

  get ageMs(): number {
    return performance.now() - this.startedAt;
  }

  /** Asks for a sign of life. */
  ask(): void {
    this.say({ at: Math.floor(performance.now()) });
  }

  /** Ends this side in order: the provider ends its own then. */
  finish(): void {
    if (this.leaving || this.over) return;
    this.leaving = true;
    this.said.push(null);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.over) controller.abort(CLOSED);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200 || this.over) return;
    if (status !== 200 || headers['content-type'] !== STREAM_TYPE) {
      this.end(new Error(`It was answered with status ${status}`));
      return;
    }
    this.heardAt = performance.now();
    this.opened = true;
    this.hearer.opened(this);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return;
    this.heardAt = performance.now();
    try {
      for (const text of this.lines.read(chunk)) if (!this.over) this.take(text);
    } catch (error) {
      this.end(error);
    }
    if (this.acknowledged === this.taken) return;
    this.acknowledged = this.taken;
    this.say({ seen: this.taken });
  }

  onResponseEnd(): void {
    this.end(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: unknown): void {
    this.end(cause);
  }

  /** Ends it from this side, or notes that it has ended. */
  end(cause: unknown): void {
    if (this.over) return;
    this.over = true;
    this.controller?.abort(cause instanceof Error ? cause : CLOSED);
    this.said.destroy();
    this.hearer.ended(this, cause);
  }

  /** @throws Error for a line that is none of the contract: what it told is lost, and the connection with it */
  private take(text: string): void {
    const { entry, at, end } = line.parse(JSON.parse(text) as unknown);
    if (entry !== undefined) {
      this.hearer.entry(entry);
      this.taken++;
    }
    // The question is older than the answer, which may have lain here unread: only the question says since when.
    if (at !== undefined) this.hearer.beat(Math.max(0, performance.now() - at));
    if (end) this.hearer.leave(this);
  }

  private say(words: object): void {
    if (!this.leaving && !this.over) this.said.push(`${JSON.stringify(words)}\n`);
  }
}
