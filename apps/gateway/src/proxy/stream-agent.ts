import { Agent, type ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ServicePool } from '@nexus/resilience';

/** A connection that nobody uses ends after so long: the service may be about to stop, in ms. */
const IDLE_MS = 2_000;
const MAX_IDLE = 16;

/** Connections for streamed bodies, to wherever the pool would send a request. */
export class StreamAgent extends Agent {
  constructor(private readonly pool: Pick<ServicePool, 'open'>) {
    super({ keepAlive: true, maxFreeSockets: MAX_IDLE, timeout: IDLE_MS });
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.pool.open().then(
      (socket) => callback?.(null, socket),
      (error: Error) => callback?.(error, undefined as never),
    );
    return undefined;
  }
}
