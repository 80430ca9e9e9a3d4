import type { Socket } from 'node:net';
import { closeFrame, FrameTracker } from './upgrade-frames.js';

/** Status of a Close frame: this side goes away (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001;
/** How long the two sides may take to answer a Close frame, or to take what was sent before the end, in ms. */
const FAREWELL_MS = 2_000;

/** One direction. */
interface Way {
  readonly from: Socket;
  readonly to: Socket;
  readonly frames: FrameTracker;
  /** Whether `to` is the server, to whom frames are masked. */
  readonly masked: boolean;
  /** `to` was told that we go away: nothing is passed to it any more. */
  isOver: boolean;
}

/**
 * A WebSocket connection through the gateway: bytes pass both ways as they come, at the speed of the slower side, and
 * neither side outlives the other. Told to go away, it says so to both with a Close frame between two frames.
 */
export class Tunnel {
  private readonly ways: readonly [Way, Way];
  private readonly idle: NodeJS.Timeout;
  private farewell: NodeJS.Timeout | undefined;
  private leaving = false;
  private open = 2;

  /** @param idleMs it goes away when nothing moves for so long */
  constructor(client: Socket, server: Socket, idleMs: number) {
    this.ways = [
      { from: client, to: server, frames: new FrameTracker(), masked: true, isOver: false },
      { from: server, to: client, frames: new FrameTracker(), masked: false, isOver: false },
    ];
    this.idle = setTimeout(() => this.goAway(), idleMs).unref();
    for (const way of this.ways) this.join(way);
  }

  private join(way: Way): void {
    const { from, to } = way;
    from.setTimeout(0);
    from.setNoDelay(true);
    from.on('data', (chunk: Buffer) => this.pass(way, chunk));
    to.on('drain', () => from.resume());
    from.on('error', () => from.destroy());
    from.on('end', () => this.end());
    from.on('close', () => this.closed());
    if (from.destroyed) this.closed();
  }

  private pass(way: Way, chunk: Buffer): void {
    const { to, from, frames } = way;
    this.idle.refresh();
    if (way.isOver) {
      frames.advance(chunk);
      this.settle();
      return;
    }
    const length = frames.advance(chunk, this.leaving);
    if (!to.write(length === chunk.length ? chunk : chunk.subarray(0, length))) from.pause();
    if (!this.leaving) return;
    this.sayFarewell(way);
    if (length < chunk.length) frames.advance(chunk.subarray(length));
    this.settle();
  }

  /** Ends the connection in order: a Close frame to each side where a frame of the other has ended, then the connections. */
  goAway(): void {
    if (this.leaving) return;
    this.leaving = true;
    // Nobody is left to say it for: the other side sees the connection end, too.
    if (this.open < 2 || this.ways.some(({ from }) => from.destroyed)) return;
    this.endSoon();
    for (const way of this.ways) {
      this.sayFarewell(way);
      // Until its frame is whole, or its answer has come.
      way.from.resume();
    }
    this.settle();
  }

  private sayFarewell(way: Way): void {
    if (!way.frames.atBoundary || way.isOver) return;
    way.isOver = true;
    // A Close frame that came through from the other side is the last frame.
    if (!way.frames.isClosed && way.to.writable) way.to.write(closeFrame(GOING_AWAY, way.masked));
  }

  /** Both sides were told, and have answered. */
  private settle(): void {
    if (this.ways.every(({ isOver, frames }) => isOver && frames.isClosed)) this.end();
  }

  /** What was sent still arrives, if it is taken. */
  private end(): void {
    for (const { from } of this.ways) from.end();
    this.endSoon();
  }

  private endSoon(): void {
    this.farewell ??= setTimeout(() => {
      for (const { from } of this.ways) from.destroy();
    }, FAREWELL_MS);
  }

  private closed(): void {
    this.open -= 1;
    if (this.open > 0) {
      // What came before the end of the one goes to the other.
      for (const { from } of this.ways) from.destroySoon();
      this.endSoon();
      return;
    }
    clearTimeout(this.idle);
    clearTimeout(this.farewell);
  }
}
