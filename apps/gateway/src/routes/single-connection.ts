import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';

/** Sends one request on a connection that is there, and ends the connection with it. */
export class SingleConnection extends Agent {
  constructor(private readonly socket: Duplex) {
    super({ keepAlive: false, maxSockets: 1 });
  }

  override createConnection(): Duplex {
    return this.socket;
  }
}
