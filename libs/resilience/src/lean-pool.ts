import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { errors } from 'undici';
import { type ConnectionOwner, LeanConnection, TICK_MS } from './lean-connection.js';
import type { LeanRequest } from './lean-request.js';
import type { ByteReader } from './service-connector.js';

/** Opens a connection that tells `reader` what it reads; `done` is called later, once. */
export type Connect = (reader: ByteReader, done: (error: Error | null, socket: Socket | null) => void) => void;

export interface LeanPoolOptions {
  readonly connect: Connect;
  /** How many there may be. */
  readonly connections: number;
  /** After requests had to wait there is room again. */
  readonly onDrain: () => void;
}

/** A connection outlives the request that it was opened for: it is not part of it. */
const outsideOfRequests = AsyncLocalStorage.snapshot();

/** Reader of one socket, which has a connection once it is connected. */
class SocketReader implements ByteReader {
  connection: LeanConnection | undefined;
  #isEarly = false;

  read(bytes: Buffer, length: number): void {
    if (this.connection === undefined) this.#isEarly = true;
    else this.connection.take(bytes, length);
  }

  /** Something was said before anything was asked. */
  get isEarly(): boolean {
    return this.#isEarly;
  }
}

/**
 * The connections to one address: HTTP/1.1 without pipelining, for plain requests to servers that are our own.
 *
 * A request is never written in the turn of the event loop in which it is made: what an idle connection has received by
 * then (its end, or bytes that nobody asked for) is seen before it is used again. One timer serves all waits.
 */
export class LeanPool implements ConnectionOwner {
  tick = 0;
  #first: LeanRequest | undefined;
  #last: LeanRequest | undefined;
  #waiting = 0;
  /** Requests that wait or run. */
  #active = 0;
  #connecting = 0;
  /** Sockets that are not closed yet. */
  #open = 0;
  /** Those that can carry a request, or do. */
  readonly #connections = new Set<LeanConnection>();
  /** The one used last is used next, so that those that are too many get old. */
  readonly #idle: LeanConnection[] = [];
  /** Idle since this turn. */
  #resting: LeanConnection[] = [];
  #isScheduled = false;
  #needsDrain = false;
  #timer: NodeJS.Timeout | undefined;
  #now = 0;
  #isClosing = false;
  #destroyedWith: Error | undefined;
  #whenClosed: (() => void)[] = [];

  constructor(private readonly options: LeanPoolOptions) {}

  /** Takes a request that was made with {@link settled}. @returns false when the next one would have to wait */
  dispatch(request: LeanRequest): boolean {
    this.#active += 1;
    if (this.#active === 1) this.#keepTime();
    if (this.#destroyedWith !== undefined) {
      request.fail(this.#destroyedWith);
      return false;
    }
    if (this.#last === undefined) this.#first = request;
    else this.#last.next = request;
    this.#last = request;
    this.#waiting += 1;
    this.#schedule();
    const room = this.options.connections - this.#connections.size + this.#idle.length + this.#resting.length;
    if (this.#waiting < room) return true;
    this.#needsDrain = true;
    return false;
  }

  /** A request is over. */
  readonly settled = (): void => {
    this.#active -= 1;
    if (this.#active > 0) return;
    this.#timer?.unref();
    this.#endIfDone();
  };

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isScheduled = false;
    this.#now = performance.now();
    let connection = this.#first && this.#takeIdle();
    while (connection !== undefined) {
      this.#serve(connection);
      connection = this.#first && this.#takeIdle();
    }
    if (this.#first !== undefined) {
      this.#grow();
      if (this.#resting.length > 0) this.#schedule();
    }
    for (const rested of this.#resting) if (!rested.isOver) this.#idle.push(rested);
    this.#resting = [];
    this.#letGoWhenClosing();
    this.#sayDrained();
  };

  #takeIdle(): LeanConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.idleUntil > this.#now) return connection;
      connection.destroy();
    }
  }

  /** Sends the request that has waited longest and is still wanted. */
  #serve(connection: LeanConnection): void {
    for (;;) {
      const request = this.#first;
      if (request === undefined) {
        this.#idle.push(connection);
        return;
      }
      this.#shift(request);
      if (!request.isOver && connection.send(request)) return;
    }
  }

  #shift(request: LeanRequest): void {
    this.#first = request.next;
    if (this.#first === undefined) this.#last = undefined;
    request.next = undefined;
    this.#waiting -= 1;
  }

  /** Opens a connection for everybody who waits for one, as many as there may be. */
  #grow(): void {
    const room = this.options.connections - this.#connections.size - this.#connecting;
    const wanted = this.#waiting - this.#connecting - this.#resting.length;
    for (let count = Math.min(room, wanted); count > 0; count -= 1) this.#connect();
  }

  #connect(): void {
    const reader = new SocketReader();
    this.#connecting += 1;
    outsideOfRequests(this.options.connect, reader, (error, socket) => {
      this.#connecting -= 1;
      if (socket !== null) this.#connected(socket, reader);
      else this.#notConnected(error ?? new errors.SocketError('no connection'));
    });
  }

  #connected(socket: Socket, reader: SocketReader): void {
    if (this.#destroyedWith !== undefined || reader.isEarly || (this.#isClosing && this.#first === undefined)) {
      socket.destroy();
      if (reader.isEarly) this.#notConnected(new errors.SocketError('it spoke before it was asked'));
      return;
    }
    const connection = new LeanConnection(socket, this);
    reader.connection = connection;
    this.#connections.add(connection);
    this.#open += 1;
    this.#keepTime();
    this.#now = performance.now();
    connection.idleUntil = this.#now + connection.keptMs;
    this.#serve(connection);
  }

  #notConnected(error: Error): void {
    const request = this.#first;
    if (request === undefined) return;
    this.#shift(request);
    request.fail(error);
    if (this.#first !== undefined) this.#grow();
  }

  free(connection: LeanConnection): void {
    if (this.#isClosing && this.#first === undefined) {
      connection.destroy();
      return;
    }
    // Of the last turn, so that it ends earlier rather than later.
    connection.idleUntil = this.#now + connection.keptMs;
    this.#resting.push(connection);
    this.#schedule();
  }

  left(connection: LeanConnection): void {
    this.#connections.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#first !== undefined) this.#schedule();
  }

  closed(): void {
    this.#open -= 1;
    this.#endIfDone();
  }

  #sayDrained(): void {
    if (!this.#needsDrain || this.#first !== undefined) return;
    if (this.#idle.length === 0 && this.#connections.size >= this.options.connections) return;
    this.#needsDrain = false;
    this.options.onDrain();
  }

  #keepTime(): void {
    this.#timer ??= setInterval(this.#onTick, TICK_MS);
    if (this.#active > 0) this.#timer.ref();
    else this.#timer.unref();
  }

  readonly #onTick = (): void => {
    this.tick += 1;
    this.#now = performance.now();
    for (const connection of this.#connections) connection.check();
    for (const connection of this.#idle.filter(({ idleUntil }) => idleUntil <= this.#now)) connection.destroy();
    if (this.#active > 0 || this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  };

  /** Ends when all requests are answered; none may come after. */
  close(): Promise<void> {
    this.#isClosing = true;
    this.#letGoWhenClosing();
    return this.#whenDone();
  }

  /** Whatever is idle is not needed any more. */
  #letGoWhenClosing(): void {
    if (!this.#isClosing || this.#first !== undefined) return;
    for (const connection of [...this.#idle, ...this.#resting]) connection.destroy();
  }

  /** Ends what waits and what runs. */
  destroy(error: Error): Promise<void> {
    this.#isClosing = true;
    this.#destroyedWith ??= error;
    for (let request = this.#first; request !== undefined; request = this.#first) {
      this.#shift(request);
      request.fail(error);
    }
    for (const connection of [...this.#connections]) connection.break(error);
    return this.#whenDone();
  }

  #whenDone(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenClosed.push(resolve);
      this.#endIfDone();
    });
  }

  /** When it closes and nothing waits or runs: lets go of its connections, and says so when they are gone. */
  #endIfDone(): void {
    if (!this.#isClosing || this.#active > 0) return;
    for (const connection of [...this.#connections]) connection.destroy();
    if (this.#open > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const resolve of this.#whenClosed.splice(0)) resolve();
  }
}
