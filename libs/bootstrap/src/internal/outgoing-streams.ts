import type { ServerResponse } from 'node:http';
import { BEAT_MS } from '@nexus/clients';
import { errors } from '@nexus/kernel';
import { OutgoingStream, type Subscribe } from './outgoing-stream.js';

const MAX_STREAMS = 1_000;
const MAX_STREAM_MS = 5 * 60_000;

/** Every stream that others follow here. One timer beats for all; it runs while there are any. */
export class OutgoingStreams {
  /** With the time (monotonic, ms) at which each ends. */
  private readonly streams = new Map<OutgoingStream, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly maxMs: number = MAX_STREAM_MS) {}

  /** Answers with a stream. @throws AppError `overloaded`, or what the provider throws; nothing is answered then */
  open(response: ServerResponse, requestId: string, subscribe: Subscribe): void {
    if (this.streams.size >= MAX_STREAMS) throw errors.overloaded({ headers: { 'retry-after': '1' } });
    const stream = new OutgoingStream(response, requestId, subscribe, (ended) => this.remove(ended));
    // Not all at once: each that ends here begins elsewhere.
    this.streams.set(stream, performance.now() + this.maxMs * (0.8 + Math.random() * 0.2));
    this.timer ??= setInterval(() => this.beat(), BEAT_MS).unref();
  }

  close(): void {
    for (const stream of this.streams.keys()) stream.end();
  }

  private remove(stream: OutgoingStream): void {
    this.streams.delete(stream);
    if (this.streams.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private beat(): void {
    const now = performance.now();
    for (const [stream, endsAt] of this.streams) {
      if (now < endsAt) stream.beat();
      else stream.end();
    }
  }
}
