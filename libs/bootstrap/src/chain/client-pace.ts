import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { type Exchange, writeError } from '@nexus/http';
import { errors } from '@nexus/kernel';

/** How slow a client may be in one direction. */
export interface PaceLimit {
  /** On average; 0 for no limit. */
  readonly bytesPerSecond: number;
  /** How long it may be slower than that, in ms. */
  readonly graceMs: number;
}

/** How slow clients may be, and how many were too slow. */
export interface PaceOptions {
  /** Bodies of requests, while somebody here waits for their bytes. */
  readonly bodies: PaceLimit;
  /** Answers, while the client's side takes no more. */
  readonly answers: PaceLimit;
}

const SWEEP_MS = 500;
/** What a client sends faster than it has to counts for so long: afterwards it may be slow again, but not for hours. */
const MOST_LEAD_MS = 60_000;

/** How far a client is ahead of the slowest that is allowed: a bucket of time, which bytes fill. */
class Pace {
  private leadMs: number;

  constructor(
    private readonly limit: PaceLimit,
    private readonly mostMs: number,
    private bytes: number,
  ) {
    this.leadMs = limit.graceMs;
  }

  /** @returns whether the client is fast enough, with what it has moved in all after so many more ms */
  keepsUp(bytes: number, elapsedMs: number): boolean {
    const earnedMs = ((bytes - this.bytes) / this.limit.bytesPerSecond) * 1000;
    this.bytes = bytes;
    this.leadMs = Math.min(this.mostMs, this.leadMs + earnedMs) - elapsedMs;
    return this.leadMs > 0;
  }
}

/**
 * Whether somebody here waits for more of the body. One that is held up by our side (a slow disk or service, a check
 * that comes first) is not the client's fault, however long it takes.
 */
function isAwaited({ request, response }: Exchange): boolean {
  if (request.complete || response.writableEnded || request.socket.isPaused()) return false;
  if (request.readableFlowing !== false) return request.readableFlowing === true;
  return request.readableLength === 0 && request.listenerCount('readable') > 0;
}

/** What of a connection's answers the client's side has taken. Fields of Node's own: it tells of whole writes only. */
function takenBytes(socket: Socket): number {
  const { _bytesDispatched, _handle } = socket as Socket & {
    readonly _bytesDispatched?: number;
    readonly _handle?: { readonly writeQueueSize?: number } | null;
  };
  return (_bytesDispatched ?? 0) - (_handle?.writeQueueSize ?? 0);
}

/** Whether an answer waits for its client. */
function isHeldUp({ request, response }: Exchange): boolean {
  return response.headersSent && request.socket.writableLength > 0;
}

/**
 * Ends requests whose clients are too slow: a body that comes drop by drop is answered with 408, and an answer that is
 * not taken ends with its connection. One timer looks at all; what is over before it looks twice costs nothing.
 */
export class ClientPace {
  /** How many were ended, by what they were too slow with. */
  readonly ended = { body: 0, answer: 0 };
  private bodies = new Map<Exchange, Pace>();
  private answers = new Map<Exchange, Pace>();
  private last = 0;

  constructor(private readonly options: PaceOptions) {}

  /** Watches the requests of one listener while it is open. @param running gives all of the process */
  watch(server: Server, running: () => readonly Exchange[]): void {
    const own = new WeakSet<Socket>();
    const mine = ({ request }: Exchange) => own.has(request.socket);
    let timer: NodeJS.Timeout | undefined;
    server.on('connection', (socket: Socket) => own.add(socket));
    server.on('listening', () => {
      clearInterval(timer);
      timer = setInterval(() => this.sweep(running().filter(mine), performance.now()), SWEEP_MS);
      timer.unref();
    });
    server.on('close', () => clearInterval(timer));
  }

  /** Looks at the requests that are being served. @param now monotonic, in ms */
  sweep(exchanges: readonly Exchange[], now: number): void {
    // What came while this process was busy is still to be read: that time is nobody's.
    const elapsedMs = Math.min(Math.max(0, now - this.last), 2 * SWEEP_MS);
    this.last = now;
    const { bodies, answers } = this;
    this.bodies = new Map();
    this.answers = new Map();
    for (const exchange of exchanges) {
      if (!exchange.request.complete) this.lookAtBody(exchange, bodies.get(exchange), elapsedMs);
      this.lookAtAnswer(exchange, answers.get(exchange), elapsedMs);
    }
  }

  private lookAtBody(exchange: Exchange, known: Pace | undefined, elapsedMs: number): void {
    const limit = this.options.bodies;
    if (limit.bytesPerSecond === 0) return;
    const { bytesRead } = exchange.request.socket;
    const awaited = isAwaited(exchange);
    const pace = known ?? new Pace(limit, Math.max(limit.graceMs, MOST_LEAD_MS), bytesRead);
    if (known && !pace.keepsUp(bytesRead, awaited ? elapsedMs : 0) && awaited) this.endBody(exchange);
    else this.bodies.set(exchange, pace);
  }

  private endBody(exchange: Exchange): void {
    const { request, response } = exchange;
    this.ended.body += 1;
    if (response.headersSent) {
      request.socket.resetAndDestroy();
      return;
    }
    // Once a request is answered, Node tells its reader of the end of the connection no more.
    request.socket.once('close', () => request.destroy());
    exchange.close = true;
    writeError(exchange, errors.request_timeout());
    exchange.cancel();
  }

  private lookAtAnswer(exchange: Exchange, known: Pace | undefined, elapsedMs: number): void {
    const limit = this.options.answers;
    const heldUp = isHeldUp(exchange);
    // Most answers never wait.
    if (limit.bytesPerSecond === 0 || !(heldUp || known)) return;
    const { socket } = exchange.request;
    const taken = takenBytes(socket);
    const pace = known ?? new Pace(limit, limit.graceMs, taken);
    if (known && !pace.keepsUp(taken, heldUp ? elapsedMs : 0) && heldUp) {
      this.ended.answer += 1;
      // Reset: an ordinary end could pass for that of the answer, and what nobody reads would stay with the system.
      socket.resetAndDestroy();
    } else this.answers.set(exchange, pace);
  }
}
