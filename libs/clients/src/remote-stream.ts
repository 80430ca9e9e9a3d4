import type { StreamWatch } from '@nexus/contracts';
import type { Logger } from '@nexus/observability';
import type { z } from 'zod';
import type { CallDispatcher } from './attempt.js';
import { CLOSED, StreamConnection, type StreamHearer } from './stream-connection.js';
import { BEAT_MS } from './wire.js';

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
const BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1_000;
/** A connection that stood so long counts as a success: the next one is tried soon. */
const STOOD_MS = 1_000;

const SILENT = new Error('Nothing came');

/**
 * Follows a stream of another service over one connection after the other. Where the provider asks to be left the next
 * one begins before the last one ends, so that there is no moment at which nothing is told.
 */
export class RemoteStream implements StreamHearer {
  private connection: StreamConnection | undefined;
  /** Still tells, until the next one does. */
  private last: StreamConnection | undefined;
  private timer: NodeJS.Timeout | undefined;
  private beats: NodeJS.Timeout | undefined;
  private failures = 0;
  private down = false;
  /** The follower knows that nothing is told; it is no news a second time. */
  private lost = true;
  private closed = false;
  private listener: (entry: unknown) => void = () => undefined;
  private watch: StreamWatch | undefined;

  constructor(private readonly options: RemoteStreamOptions) {}

  /** Begins. @returns ends it */
  follow(listener: (entry: unknown) => void, watch?: StreamWatch): () => void {
    this.listener = listener;
    this.watch = watch;
    this.beats = setInterval(() => this.look(), BEAT_MS).unref();
    watch?.lost();
    this.connect();
    return () => this.close();
  }

  opened(): void {
    this.last?.finish();
    if (this.down) this.options.logger?.info(`The stream ${this.options.what} is back`);
    this.down = false;
    this.lost = false;
    this.watch?.opened();
  }

  entry(value: unknown): void {
    const entry = this.options.entry.parse(value);
    try {
      this.listener(entry);
    } catch (error) {
      this.options.logger?.error(`A listener to ${this.options.what} failed`, { error });
    }
  }

  beat(ageMs: number): void {
    this.watch?.beat(ageMs);
  }

  leave(connection: StreamConnection): void {
    if (connection !== this.connection) return;
    this.last?.end(undefined);
    this.last = connection;
    this.connect();
  }

  ended(connection: StreamConnection, cause: unknown): void {
    const wasLast = connection === this.last;
    if (wasLast) this.last = undefined;
    else if (connection === this.connection) this.connection = undefined;
    else return;
    if (this.closed) return;
    if (!this.connection?.opened && !this.last) this.lose(cause);
    if (wasLast) return;
    this.last?.finish();
    this.connectLater(connection.opened && connection.ageMs > STOOD_MS);
  }

  private close(): void {
    this.closed = true;
    clearInterval(this.beats);
    clearTimeout(this.timer);
    this.last?.end(CLOSED);
    this.connection?.end(CLOSED);
  }

  private connect(): void {
    const { dispatcher, path, headers } = this.options;
    this.connection = new StreamConnection(this);
    this.connection.start(dispatcher, path, headers);
  }

  private connectLater(stood: boolean): void {
    this.failures = stood ? 0 : this.failures + 1;
    const waitMs = Math.random() * Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** Math.min(this.failures, 8));
    this.timer = setTimeout(() => this.connect(), waitMs).unref();
  }

  private look(): void {
    for (const connection of [this.last, this.connection]) {
      if (!connection) continue;
      if (connection.silentMs > SILENT_MS) connection.end(SILENT);
      else connection.ask();
    }
  }

  /** Nothing is told any more. */
  private lose(cause: unknown): void {
    // A provider that ends its stream in order is about to stop, or wants the connection made anew: no news.
    if (cause !== undefined && !this.down) {
      this.down = true;
      this.options.logger?.warn(`The stream ${this.options.what} is lost; it will be followed again`, { error: cause });
    }
    if (this.lost) return;
    this.lost = true;
    this.watch?.lost();
  }
}
