import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

/** How long a connection is read on after an early answer. */
export interface LingerLimits {
  /** Without a byte, in ms. */
  readonly idleMs: number;
  /** In all, in ms. */
  readonly totalMs: number;
}

const LIMITS: LingerLimits = { idleMs: 5_000, totalMs: 30_000 };

/**
 * Lets an answer that is given while the body still comes reach its client. Closing at once would reset the
 * connection, and the client's system would throw the answer away with it; so the connection is closed in stages
 * (RFC 9112 §9.6): our half first, then what still comes is read and dropped for a while.
 *
 * Call it before anything is answered. It only matters when the connection is closed before the request is whole.
 */
export function lingerOnClose(request: IncomingMessage, limits: LingerLimits = LIMITS): void {
  const { socket } = request;
  // Node closes a connection after its last answer through this method of the socket.
  socket.destroySoon = () => {
    Reflect.deleteProperty(socket, 'destroySoon');
    if (request.complete || socket.destroyed) {
      Socket.prototype.destroySoon.call(socket);
      return;
    }
    const total = setTimeout(() => socket.destroy(), limits.totalMs);
    socket.once('close', () => clearTimeout(total));
    socket.setTimeout(limits.idleMs, () => socket.destroy());
    request.once('end', () => socket.destroy());
    request.on('error', () => undefined);
    request.resume();
    socket.end();
  };
  request.once('close', () => {
    if (request.complete) Reflect.deleteProperty(socket, 'destroySoon');
  });
}
