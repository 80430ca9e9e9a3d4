import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

const HOST = '127.0.0.1';
/** Of what waits in one direction; beyond it the sender waits, too. */
const MOST_HELD_BYTES = 1024 * 1024;

/** What flows one way through a link, in order, each piece at its time. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delayMs: () => number;
  readonly #waiting: { readonly due: number; readonly chunk: Buffer | undefined }[] = [];
  #held = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, delayMs: () => number) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.once('end', () => this.#take(undefined));
    to.on('drain', () => this.#regulate());
  }

  #take(chunk: Buffer | undefined): void {
    const delay = this.#delayMs();
    if (delay === 0 && this.#waiting.length === 0) {
      this.#pass(chunk);
    } else {
      this.#waiting.push({ due: performance.now() + delay, chunk });
      this.#held += chunk?.length ?? 0;
      this.#arm();
    }
    this.#regulate();
  }

  #pass(chunk: Buffer | undefined): void {
    if (this.#to.destroyed) return;
    if (chunk) this.#to.write(chunk);
    else this.#to.end();
  }

  #arm(): void {
    const [next] = this.#waiting;
    if (!next || this.#timer) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#release();
      },
      Math.max(0, next.due - performance.now()),
    );
  }

  #release(): void {
    for (let next = this.#waiting[0]; next && next.due <= performance.now() + 1; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#held -= next.chunk?.length ?? 0;
      this.#pass(next.chunk);
    }
    this.#regulate();
    this.#arm();
  }

  #regulate(): void {
    if (this.#from.destroyed) return;
    if (this.#held > MOST_HELD_BYTES || this.#to.writableNeedDrain) this.#from.pause();
    else this.#from.resume();
  }
}

/**
 * The network before one part of the platform: a TCP proxy at a port that stays the same, to a port that may change. While
 * nobody is there, it takes no connections, as the part's own port would.
 */
export class Link {
  readonly port: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #target = 0;
  #delayMs = 0;
  #isCut = false;

  /** @param port a free one */
  constructor(port: number) {
    this.port = port;
  }

  /** Whoever is behind it listens at this port, and is connected to. */
  async up(target: number): Promise<void> {
    this.#target = target;
    if (this.#server) return;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#connect(near));
    await once(server.listen(this.port, HOST), 'listening');
    this.#server = server;
  }

  /** Nobody listens behind it any more: connections are refused. */
  down(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** From now on nothing passes, and nobody is told. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.removeAllListeners('data').pause();
  }

  /** Connections can be made again; those of before are gone. */
  mend(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** From now on everything takes so long, in ms, in each direction; 0 for no delay. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  close(): void {
    this.down();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(near: Socket): void {
    this.#hold(near);
    if (this.#isCut) {
      near.pause();
      return;
    }
    const far = createConnection({ host: HOST, port: this.#target, allowHalfOpen: true, noDelay: true });
    this.#hold(far);
    const delay = (): number => this.#delayMs;
    new Flow(near, far, delay);
    new Flow(far, near, delay);
    // The end of one that broke off is one for both; after an orderly one, each has its own.
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.once('close', (broken) => {
        if (broken && !other.destroyed && !this.#isCut) other.resetAndDestroy();
      });
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
