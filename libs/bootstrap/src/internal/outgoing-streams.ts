import { errors } from '@nexus/kernel';
import { type Follower, OutgoingStream, type Subscribe } from './outgoing-stream.js';

const MAX_STREAMS = 1_000;
const MAX_STREAM_MS = 5 * 60_000;
const LOOK_MS = 1_000;

/** Every stream that others follow here. One timer looks after their age; it runs while there are any. */
export class OutgoingStreams {
  /** With the time (monotonic, ms) at which each ends. */
  private readonly streams = new Map<OutgoingStream, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly maxMs: number = MAX_STREAM_MS) {}

  /** Answers with a stream. @throws AppError `overloaded`, or what the provider throws; nothing is answered then */
  open(follower: Follower, subscribe: Subscribe): void {
    if (this.streams.size >= MAX_STREAMS) throw errors.overloaded({ headers: { 'retry-after': '1' } });
    const stream: OutgoingStream = new OutgoingStream(follower, subscribe, () => this.remove(stream));
    // Not all at once: each that ends here begins elsewhere.
    this.streams.set(stream, performance.now() + this.maxMs * (0.8 + Math.random() * 0.2));
    this.timer ??= setInterval(() => this.look(), LOOK_MS).unref();
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

  private look(): void {
    const now = performance.now();
    for (const [stream, endsAt] of this.streams) if (now >= endsAt) stream.end();
  }
}
