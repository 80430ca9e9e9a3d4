import type { Socket } from 'node:net';
import { atEndOfTurn } from '@nexus/kernel';
import { errors } from 'undici';
import { AnswerFault, type AnswerHead, type Fields } from './answer-head.js';
import { AnswerParser, type AnswerSink } from './answer-parser.js';
import { KEEP_ALIVE_MAX_MS, KEEP_ALIVE_UNKNOWN_MS } from './keep-alive.js';
import type { Carrier, LeanRequest } from './lean-request.js';

/** Whom a connection belongs to. */
export interface ConnectionOwner {
  /** Counts up, {@link TICK_MS} apart. */
  readonly tick: number;
  /** It carries nothing any more, and may be used again. */
  free(connection: LeanConnection): void;
  /** It cannot be used any more. */
  left(connection: LeanConnection): void;
  /** Its socket is closed. */
  closed(connection: LeanConnection): void;
}

/** How exactly waits are measured. */
export const TICK_MS = 250;
/** Our servers say how long they keep an idle connection; ours ends so long before. */
const KEEP_ALIVE_MARGIN_MS = 1_000;
/** A body up to here is written together with its head, which copies it. */
const MAX_JOINED_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/** For how long a connection may idle after an answer, in ms. */
function keptMs(hint: string | string[] | undefined): number {
  if (hint === undefined) return KEEP_ALIVE_UNKNOWN_MS;
  const seconds = /(?:^|[\s,])timeout=(\d{1,9})(?:$|[\s,])/i.exec(String(hint))?.[1];
  if (seconds === undefined) return KEEP_ALIVE_UNKNOWN_MS;
  return Math.min(Number(seconds) * 1_000 - KEEP_ALIVE_MARGIN_MS, KEEP_ALIVE_MAX_MS);
}

/** Ticks after which so many ms have passed for sure. */
const ticksOf = (ms: number) => Math.ceil(ms / TICK_MS) + 1;

/** One connection, which carries one request at a time. */
export class LeanConnection implements AnswerSink, Carrier {
  /** Time of the owner's clock at which it has idled for too long, in ms. */
  idleUntil = 0;
  /** For how long it may idle, as its server said last. */
  keptMs = KEEP_ALIVE_UNKNOWN_MS;
  /** It can carry nothing any more. */
  isOver = false;
  #request: LeanRequest | undefined;
  readonly #parser: AnswerParser = new AnswerParser(this);
  /** Last sign of life, as a tick. */
  #heardAt = 0;
  /** What came while the handler did not want any more. */
  #unread: Buffer | undefined;
  #isReading = false;
  #hasEnded = false;
  #isClosed = false;
  #error: Error | undefined;
  #hint: string | string[] | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly owner: ConnectionOwner,
  ) {
    socket
      .on('end', () => this.#onEnd())
      .on('error', (error) => {
        this.#error ??= error;
      })
      .on('close', () => this.#onClose());
    // Whether the process has to stay for it is the owner's to say.
    socket.unref();
  }

  /** Sends a request. @returns false when it was over before a byte was sent */
  send(request: LeanRequest): boolean {
    if (!request.start()) return false;
    this.#request = request;
    request.carrier = this;
    this.#parser.begin(request.plain.toHead);
    this.#heardAt = this.owner.tick;
    if (request.paused) this.pause();
    atEndOfTurn(() => this.#write(request));
    request.sent();
    return true;
  }

  #write(request: LeanRequest): void {
    // It may have come to nothing since.
    if (this.#request !== request) return;
    const { head, body } = request.plain;
    const { socket } = this;
    if (body === undefined) socket.write(head, 'latin1');
    else if (body.length <= MAX_JOINED_BYTES) socket.write(head + body.toString('latin1'), 'latin1');
    else {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body);
      socket.uncork();
    }
  }

  /** What the socket has read; `bytes` belongs to whoever calls. */
  take(bytes: Buffer, length: number): void {
    if (this.isOver) return;
    this.#heardAt = this.owner.tick;
    if (this.#parser.halted) {
      // A TLS socket tells what it had read already.
      const more = bytes.subarray(0, length);
      this.#unread = this.#unread === undefined ? Buffer.from(more) : Buffer.concat([this.#unread, more]);
    } else this.#read(bytes, length);
  }

  #read(bytes: Buffer, length: number): void {
    const request = this.#request;
    if (request === undefined) {
      // Nobody asked: whoever is asked for next must not get it.
      this.destroy();
      return;
    }
    if (length > 0 && !request.isAnswered) request.answered();
    if (this.isOver) return;
    let at = 0;
    this.#isReading = true;
    try {
      at = this.#parser.read(bytes, 0, length);
    } catch (error) {
      this.#break(error instanceof AnswerFault ? error : new AnswerFault('HPE_INTERNAL', String(error)));
    }
    this.#isReading = false;
    if (this.isOver) return;
    if (this.#parser.isExpecting) {
      if (at < length) this.#unread = Buffer.from(bytes.subarray(at, length));
    } else this.#finishAnswer(at === length);
  }

  /** An answer was told to its end. */
  #finishAnswer(isLast: boolean): void {
    // What is still to be written of the request goes before the next one, unless the other end has stopped reading.
    const isClean = isLast && this.#parser.reusable && !this.#hasEnded && !this.socket.writableNeedDrain;
    if (!isClean || this.keptMs <= 0) this.destroy();
    else this.owner.free(this);
  }

  onHead(head: AnswerHead): void {
    const hint = head.fields['keep-alive'];
    if (hint !== this.#hint) {
      this.#hint = hint;
      this.keptMs = keptMs(hint);
    }
    this.#request?.head(head);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const chunk = Buffer.allocUnsafe(end - start);
    bytes.copy(chunk, 0, start, end);
    this.#request?.data(chunk);
  }

  onEnd(trailers: Fields): void {
    const request = this.#request;
    this.#request = undefined;
    if (request === undefined) return;
    if (request.plain.closes) this.#parser.reusable = false;
    request.end(trailers);
  }

  pause(): void {
    if (this.isOver) return;
    this.#parser.halted = true;
    this.socket.pause();
  }

  resume(): void {
    if (this.isOver) return;
    this.#parser.halted = false;
    this.#heardAt = this.owner.tick;
    if (this.#isReading) {
      if (!this.#hasEnded) this.socket.resume();
      return;
    }
    const unread = this.#unread ?? NOTHING;
    this.#unread = undefined;
    this.#read(unread, unread.length);
    if (this.isOver || this.#parser.halted) return;
    if (this.#hasEnded) this.#finishAtEnd();
    else this.socket.resume();
  }

  /** Called at every tick. */
  check(): void {
    const request = this.#request;
    if (request === undefined || request.paused) {
      this.#heardAt = this.owner.tick;
      return;
    }
    const { headersTimeoutMs, bodyTimeoutMs } = request.patience;
    const limitMs = request.hasHead ? bodyTimeoutMs : headersTimeoutMs;
    if (limitMs === 0 || this.owner.tick - this.#heardAt < ticksOf(limitMs)) return;
    this.#break(request.hasHead ? new errors.BodyTimeoutError() : new errors.HeadersTimeoutError());
  }

  /** Ends it and what it carries. */
  break(error: Error): void {
    this.#break(error);
  }

  #break(error: Error): void {
    const request = this.#request;
    this.destroy();
    request?.fail(error);
  }

  /** Ends it; what it carries has been told already. */
  destroy(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#parser.halted = true;
    this.#request = undefined;
    this.#unread = undefined;
    this.owner.left(this);
    this.socket.destroy();
    if (this.#isClosed) this.owner.closed(this);
  }

  #onEnd(): void {
    this.#hasEnded = true;
    if (!this.#parser.halted) this.#finishAtEnd();
  }

  /** The other end sends nothing more, and all it sent has been told. */
  #finishAtEnd(): void {
    if (this.isOver) return;
    if (this.#request !== undefined && this.#parser.finish()) this.destroy();
    else this.#break(new errors.SocketError('other side closed'));
  }

  #onClose(): void {
    this.#isClosed = true;
    if (this.isOver) {
      this.owner.closed(this);
      return;
    }
    // All that was sent has come, and is still to be told.
    if (this.#hasEnded && this.#error === undefined && this.#request?.paused) return;
    this.#break(this.#error ?? new errors.SocketError('closed'));
  }
}
