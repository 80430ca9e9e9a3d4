import type { StreamWatch } from '@nexus/contracts';
import type { Logger } from '@nexus/observability';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import type { AnswerHeaders, CallDispatcher } from './attempt.js';
import { LineReader } from './line-reader.js';
import { MAX_LINE_BYTES, STREAM_TYPE } from './wire.js';

/** What is followed. */
export interface RemoteStreamOptions {
  /** Port and member, for logs. */
  readonly what: string;
  readonly path: string;
  /** Names and values in turn, besides those of every stream. */
  readonly headers: readonly string[];
  readonly entry: z.ZodType;
  readonly dispatcher: CallDispatcher;
  readonly logger?: Logger | undefined;
}

/** Without a line for so long, a connection is given up for another one. */
const SILENT_MS = 2_000;
const LOOK_MS = 250;
const BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1_000;
/** A connection that stood so long counts as a success: the next one is tried soon. */
const STOOD_MS = 1_000;

const line = z.object({ entry: z.unknown().optional() });
const CLOSED = new Error('Nobody follows the stream any more');
const SILENT = new Error('Nothing came');

/** One connection; tells what comes, and when it is over, once. */
class Connection implements Dispatcher.DispatchHandler {
  private readonly startedAt = performance.now();
  private readonly lines = new LineReader(MAX_LINE_BYTES);
  private controller: Dispatcher.DispatchController | undefined;
  private heardAt = performance.now();
  private over = false;
  opened = false;

  constructor(
    private readonly onOpen: () => void,
    private readonly onLine: (text: string) => void,
    private readonly onEnd: (connection: Connection, cause: unknown) => void,
  ) {}

  /** Milliseconds since something came. */
  get silentMs(): number {
    return performance.now() - this.heardAt;
  }

  get ageMs(): number {
    return performance.now() - this.startedAt;
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
    this.onOpen();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return;
    this.heardAt = performance.now();
    try {
      for (const text of this.lines.read(chunk)) if (!this.over) this.onLine(text);
    } catch (error) {
      this.end(error);
    }
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
    this.onEnd(this, cause);
  }
}

/** Follows a stream of another service over one connection after the other. */
export class RemoteStream {
  private connection: Connection | undefined;
  private timer: NodeJS.Timeout | undefined;
  private looks: NodeJS.Timeout | undefined;
  private failures = 0;
  private down = false;
  private closed = false;
  private listener: (entry: unknown) => void = () => undefined;
  private watch: StreamWatch | undefined;

  constructor(private readonly options: RemoteStreamOptions) {}

  /** Begins. @returns ends it */
  follow(listener: (entry: unknown) => void, watch?: StreamWatch): () => void {
    this.listener = listener;
    this.watch = watch;
    this.looks = setInterval(() => this.look(), LOOK_MS).unref();
    watch?.lost();
    this.connect();
    return () => this.close();
  }

  private close(): void {
    this.closed = true;
    clearInterval(this.looks);
    clearTimeout(this.timer);
    this.connection?.end(CLOSED);
  }

  private connect(): void {
    const { dispatcher, path, headers } = this.options;
    const connection = new Connection(
      () => this.opened(),
      (text) => this.take(text),
      (ended, cause) => this.ended(ended, cause),
    );
    this.connection = connection;
    try {
      dispatcher.dispatch(
        {
          path,
          method: 'GET',
          headers: ['accept', STREAM_TYPE, ...headers],
          // Where a stream has ended its provider may be about to stop: the next one begins on a new connection.
          reset: true,
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        connection,
      );
    } catch (cause) {
      connection.end(cause);
    }
  }

  private look(): void {
    if (this.connection && this.connection.silentMs > SILENT_MS) this.connection.end(SILENT);
  }

  private opened(): void {
    if (this.down) this.options.logger?.info(`The stream ${this.options.what} is back`);
    this.down = false;
    this.watch?.opened();
  }

  /** @throws Error for a line that is none of the contract: what it told is lost, and the connection with it */
  private take(text: string): void {
    const held = line.parse(JSON.parse(text) as unknown);
    if (held.entry !== undefined) this.tell(this.options.entry.parse(held.entry));
    this.watch?.beat();
  }

  private tell(entry: unknown): void {
    try {
      this.listener(entry);
    } catch (error) {
      this.options.logger?.error(`A listener to ${this.options.what} failed`, { error });
    }
  }

  private ended(connection: Connection, cause: unknown): void {
    if (connection !== this.connection) return;
    this.connection = undefined;
    if (this.closed) return;
    this.failures = connection.opened && connection.ageMs > STOOD_MS ? 0 : this.failures + 1;
    // A provider that ends its stream in order is about to stop, or wants the connection made anew: no news.
    if (cause !== undefined && !this.down) {
      this.down = true;
      this.options.logger?.warn(`The stream ${this.options.what} is lost; it will be followed again`, { error: cause });
    }
    this.watch?.lost();
    const waitMs = Math.random() * Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** Math.min(this.failures, 8));
    this.timer = setTimeout(() => this.connect(), waitMs).unref();
  }
}
