import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';

/** Between two looks at what is left, in ms. */
const LOOK_MS = 25;
/** How long the rest of a request's head may take to come when nothing else is left, in ms. */
const HEAD_MS = 1_000;

/** How long a listener may take to end, and what it still does. */
export interface DrainOptions {
  /** How long a connection without a request stays open, so that its client can leave first, in ms. */
  readonly idleMs: number;
  /** After which everything is cut off, in ms. */
  readonly timeoutMs: number;
  /** Requests that have no answer yet, over all listeners. */
  readonly running: () => number;
  /** Called at each look: ends what would not end by itself. */
  readonly look: () => void;
}

/**
 * One listener's end, without a lost request. `Server.close` of Node closes idle connections at once, and a request that
 * is just being sent on one is lost: its client cannot know whether it was served (RFC 9112 §9.5), so a POST fails. This
 * one stops listening and leaves the connections to their clients, who learn from the next answer that they have to go.
 */
export class ListenerDrain {
  private readonly sockets = new Set<Socket>();

  /** To be made before the server listens. */
  constructor(private readonly server: Server) {
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  /** Takes no new connections; resolves when the last one is gone. */
  async stopListening(): Promise<void> {
    // Those that the system has taken already would be reset: the loop hands them over before it comes here.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve) => {
      if (!this.server.listening) {
        resolve();
        return;
      }
      NetServer.prototype.close.call(this.server, () => {
        // What Node's HTTP server does besides: its timer ends.
        this.server.close();
        resolve();
      });
    });
  }

  /** Closes connections on which nothing was asked, or everything is answered. */
  closeIdle(): void {
    this.server.closeIdleConnections();
    // To Node a connection that has sent nothing yet is about to.
    for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  cut(): void {
    this.server.closeAllConnections();
    for (const socket of this.sockets) socket.destroy();
  }
}

/**
 * Ends listeners: no new connections, what runs is answered, idle connections are left to their clients for a while.
 *
 * @returns how many requests were cut off
 */
export async function drainListeners(drains: readonly ListenerDrain[], options: DrainOptions): Promise<number> {
  const { idleMs, timeoutMs, running, look } = options;
  const from = performance.now();
  let busyAt = from;
  let left = 0;
  const step = () => {
    const now = performance.now();
    look();
    if (running() > 0) busyAt = now;
    if (now - from >= timeoutMs || now - Math.max(busyAt, from + idleMs) >= HEAD_MS) {
      left = running();
      for (const drain of drains) drain.cut();
    } else if (now - from >= idleMs) for (const drain of drains) drain.closeIdle();
  };
  const closed = Promise.all(drains.map((drain) => drain.stopListening()));
  step();
  const timer = setInterval(step, LOOK_MS);
  await closed;
  clearInterval(timer);
  return left;
}
