import type { Socket } from 'node:net';
import type { Step } from './chain.js';

const LEFT = Symbol('requests left');

interface CountedSocket extends Socket {
  [LEFT]?: number;
}

/** A tenth of the connections' life differs, so that those that began together do not all come anew at once. */
const SPREAD = 0.1;

/**
 * Ends each connection with the answer to its last request, so that clients spread anew over the processes that there
 * are by then. Node's own limit would answer what comes after it in a form of its own.
 *
 * @param most 0 for no limit
 */
export function requestsPerConnection(most: number, random: () => number = Math.random): Step {
  if (most === 0) return () => 'continue';
  return (exchange) => {
    const socket = exchange.request.socket as CountedSocket;
    const left = (socket[LEFT] ?? most - Math.floor(random() * most * SPREAD)) - 1;
    socket[LEFT] = left;
    if (left <= 0) exchange.close = true;
    return 'continue';
  };
}
