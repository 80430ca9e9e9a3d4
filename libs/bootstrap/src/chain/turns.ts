import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Requests of one connection that may wait behind the one that is being served. A connection that sends more is cut:
 * Node keeps something of each until its turn comes, and cannot be made to stop reading in their midst.
 */
const MAX_WAITING = 100;

/** Where a connection holds its own: a look-up per request in a table of all would cost more. */
const TURNS = Symbol('turns');

interface Waiting {
  /** Absent for what is no request. */
  readonly request?: IncomingMessage;
  readonly run: () => void;
}

/**
 * The requests of one connection, one after the other. A client may send the next before the last is answered, but what
 * they do has to happen in their order (RFC 9112 §9.3.2), one connection is worth one request at a time, and nothing
 * that comes after the last answer of a connection is looked at (RFC 9112 §9.6): Node hands all of them over at once.
 */
export class Turns {
  private readonly waiting: Waiting[] = [];
  private busy = false;
  private faulty = false;

  private constructor(private readonly socket: Socket) {}

  static of(socket: Socket & { [TURNS]?: Turns }): Turns {
    socket[TURNS] ??= new Turns(socket);
    return socket[TURNS];
  }

  /** Whether whoever comes now may begin at once; then it must call {@link done} at its end. */
  begin(): boolean {
    if (this.busy || this.socket.writableEnded) return false;
    this.busy = true;
    return true;
  }

  /** Runs a request when those before it are answered; never, when the connection ends before. */
  wait(request: IncomingMessage, run: () => void): void {
    if (this.faulty || this.socket.writableEnded || this.socket.destroyed) return;
    if (this.waiting.length < MAX_WAITING) this.waiting.push({ request, run });
    else this.socket.destroy();
  }

  /** As {@link wait}, for what follows a broken message: the request that it belongs to never runs. */
  waitAsFault(run: () => void): void {
    // A broken message has no end: all that comes is part of it.
    if (this.faulty) return;
    this.faulty = true;
    const last = this.waiting.at(-1);
    if (last?.request && !last.request.complete) this.waiting.pop();
    this.waiting.push({ run });
  }

  /** The answer is out, or will not come. */
  done(): void {
    if (this.socket.writableEnded || this.socket.destroyed) {
      this.waiting.length = 0;
      return;
    }
    const next = this.waiting.shift();
    if (next) next.run();
    else this.busy = false;
  }
}
