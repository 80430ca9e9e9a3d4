import { write, writeSync } from 'node:fs';

/** Where finished lines go. `write` never throws and never blocks. */
export interface LogDestination {
  /** Takes one line that ends in `\n`. */
  write(line: string): void;
  /** Resolves when everything that was written before is handed over, or after `timeoutMs`; never rejects. */
  flush(timeoutMs?: number): Promise<void>;
  /** Hands over everything at once; gives up after `timeoutMs` when nobody reads. For exits and fatal records. */
  flushSync(timeoutMs?: number): void;
  /** Lines that could not be written because the reader was gone or too far behind. */
  readonly lost: number;
}

/** Keeps lines in memory, for tests that look at what was logged. */
export class MemoryDestination implements LogDestination {
  readonly lost = 0;
  readonly lines: string[] = [];

  write(line: string): void {
    this.lines.push(line);
  }

  /** The records so far. */
  records(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  flushSync(): void {
    // Nothing is held back.
  }
}

export interface FdDestinationOptions {
  /** The descriptor may block: write in a thread of the pool instead of on the event loop. */
  readonly threaded?: boolean;
  /** Characters kept for a reader that is behind; lines beyond are counted as lost. Default 8 Mi. */
  readonly maxPending?: number;
  /** Characters that are written without waiting for more. Default 32 Ki. */
  readonly batch?: number;
  /** Milliseconds after which a smaller batch is written. Default 50. */
  readonly flushAfterMs?: number;
  /** Makes the line that tells how many lines were lost, once the reader is back. */
  readonly lossLine?: (lost: number) => string;
}

const GONE = new Set(['EPIPE', 'EBADF', 'ECONNRESET', 'ENXIO', 'ERR_STREAM_DESTROYED']);
const FULL = new Set(['EAGAIN', 'EWOULDBLOCK', 'EBUSY', 'EINTR']);
const MAX_RETRY_FULL_MS = 64;
const RETRY_FAULT_MS = 1_000;
/** A write that a pool thread has begun takes microseconds while somebody reads, once the thread gets a processor. */
const THREAD_GRACE_MS = 100;
const STAGING_BYTES = 128 * 1024;
/** UTF-8 has three bytes at most for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;
/** What Linux writes to a pipe in one piece, in bytes (pipe(7)); POSIX asks for 512 at least. */
const PIPE_BUF = 4096;

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Batches lines and writes them to a file descriptor.
 *
 * Descriptors that cannot block are written on the event loop: one system call per batch, no thread of the pool
 * (which password hashing keeps busy), and what is left is known exactly when the process exits. For all others
 * `threaded` keeps the event loop free.
 */
export class FdDestination implements LogDestination {
  lost = 0;
  /** Lines that have to wait as text: for a thread, or behind a chunk that is on its way. */
  private pending = '';
  private pendingLines = 0;
  private chunk: Uint8Array | undefined;
  /** The bytes of the next chunk, and afterwards the chunk itself. */
  private readonly staging: Buffer | undefined;
  private staged = 0;
  private stagedLines = 0;
  private offset = 0;
  private chunkLines = 0;
  /** Waiting: for a thread, or for a reader that is behind. */
  private busy = false;
  private inFlight = false;
  private closed = false;
  private armed = false;
  private retryMs = 1;
  private told = 0;
  private waiters: (() => void)[] = [];
  private readonly threaded: boolean;
  private readonly maxPending: number;
  private readonly batch: number;
  private readonly flushAfterMs: number;
  private readonly lossLine: ((lost: number) => string) | undefined;

  constructor(
    private readonly fd: number,
    options: FdDestinationOptions = {},
  ) {
    this.threaded = options.threaded ?? false;
    this.maxPending = options.maxPending ?? 8 * 1024 * 1024;
    this.batch = options.batch ?? 32 * 1024;
    this.flushAfterMs = options.flushAfterMs ?? 50;
    this.lossLine = options.lossLine;
    if (!this.threaded) this.staging = Buffer.allocUnsafeSlow(STAGING_BYTES);
  }

  write(line: string): void {
    if (this.closed || this.pending.length + this.staged + line.length > this.maxPending) {
      this.lost += 1;
      return;
    }
    if (!this.stage(line)) {
      this.pending += line;
      this.pendingLines += 1;
    }
    if (this.busy) return;
    if (this.pending.length + this.staged >= this.batch) this.pump();
    else if (!this.armed) {
      this.armed = true;
      setTimeout(this.onTimer, this.flushAfterMs).unref();
    }
  }

  /**
   * Encodes the line at once, where nothing waits before it. Lines that are kept as text until there are enough of them
   * outlive the garbage collections of a busy process, in the hundreds of pieces that they were put together from: a
   * tenth of the CPU time of a proxied request.
   */
  private stage(line: string): boolean {
    const { staging } = this;
    if (staging === undefined || this.chunk !== undefined || this.pending !== '' || this.told < this.lost) return false;
    if (line.length * BYTES_PER_UNIT > STAGING_BYTES - this.staged) return false;
    this.staged += staging.write(line, this.staged);
    this.stagedLines += 1;
    return true;
  }

  flush(timeoutMs = 2_000): Promise<void> {
    this.pump();
    if (this.closed || (!this.busy && this.pending === '' && this.staged === 0)) return Promise.resolve();
    return new Promise((resolve) => {
      // Referenced on purpose: whoever waits for the logs keeps the process alive that long.
      const timer = setTimeout(resolve, timeoutMs);
      this.waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  flushSync(timeoutMs = 1_000): void {
    if (this.closed) return;
    if (this.inFlight) {
      // The chunk belongs to its thread now; writing it again would double its lines.
      pause(THREAD_GRACE_MS);
      this.chunk = undefined;
    }
    const deadline = performance.now() + timeoutMs;
    while (this.take()) {
      const chunk = this.chunk as Uint8Array;
      try {
        this.advance(chunk, writeSync(this.fd, chunk, this.offset));
      } catch (error) {
        const full = FULL.has(codeOf(error));
        if (!full) this.onFault(error);
        if (!full || performance.now() > deadline) return;
        pause(2);
      }
    }
    if (!this.busy) this.wake();
  }

  private readonly onTimer = (): void => {
    this.armed = false;
    this.pump();
  };

  /** Makes sure that there is a chunk to write; false when there is nothing left. */
  private take(): boolean {
    if (this.chunk) return true;
    if (this.staging && this.staged > 0) {
      this.chunk = this.staging.subarray(0, this.staged);
      this.chunkLines = this.stagedLines;
      this.offset = 0;
      this.staged = 0;
      this.stagedLines = 0;
      return true;
    }
    if (this.pending === '') return false;
    if (this.lost > this.told && this.lossLine) {
      this.pending += this.lossLine(this.lost - this.told);
      this.told = this.lost;
    }
    const text = this.threaded ? atomicPart(this.pending) : this.pending;
    const whole = text.length === this.pending.length;
    this.chunk = Buffer.from(text);
    this.chunkLines = whole ? this.pendingLines : text.split('\n').length - 1;
    this.offset = 0;
    this.pending = whole ? '' : this.pending.slice(text.length);
    this.pendingLines -= this.chunkLines;
    return true;
  }

  private pump(): void {
    if (this.busy || this.closed) return;
    while (this.take()) {
      const chunk = this.chunk as Uint8Array;
      if (this.threaded) {
        this.busy = true;
        this.inFlight = true;
        write(this.fd, chunk, this.offset, chunk.length - this.offset, null, (error, written) => {
          this.inFlight = false;
          this.busy = false;
          if (error) this.onFault(error);
          else {
            this.advance(chunk, written);
            this.pump();
          }
        });
        return;
      }
      try {
        this.advance(chunk, writeSync(this.fd, chunk, this.offset));
      } catch (error) {
        this.onFault(error);
        return;
      }
    }
    this.wake();
  }

  private advance(chunk: Uint8Array, written: number): void {
    this.retryMs = 1;
    if (this.chunk !== chunk) return;
    this.offset += written;
    if (this.offset >= chunk.length) this.chunk = undefined;
  }

  private onFault(error: unknown): void {
    const code = codeOf(error);
    if (GONE.has(code)) {
      this.close();
      return;
    }
    this.busy = true;
    const wait = FULL.has(code) ? this.retryMs : RETRY_FAULT_MS;
    this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_FULL_MS);
    setTimeout(() => {
      this.busy = false;
      this.pump();
    }, wait).unref();
  }

  /** Nobody will ever read: from now on lines are only counted. */
  private close(): void {
    this.closed = true;
    this.lost += this.pendingLines + this.stagedLines + (this.chunk ? this.chunkLines : 0);
    this.pending = '';
    this.pendingLines = 0;
    this.staged = 0;
    this.stagedLines = 0;
    this.chunk = undefined;
    this.wake();
  }

  private wake(): void {
    if (this.waiters.length === 0) return;
    const waiters = this.waiters;
    this.waiters = [];
    for (const wake of waiters) wake();
  }
}

/**
 * As many lines as a pipe takes in one piece. At an exit the last lines are written while a thread may still be at its
 * own: what is atomic cannot be torn apart.
 */
function atomicPart(text: string): string {
  if (Buffer.byteLength(text) <= PIPE_BUF) return text;
  let characters = PIPE_BUF;
  // UTF-8 has three bytes at most for a UTF-16 unit.
  if (Buffer.byteLength(text.slice(0, characters)) > PIPE_BUF) characters = Math.floor(PIPE_BUF / 3);
  const end = text.lastIndexOf('\n', characters - 1) + 1;
  return text.slice(0, end || text.indexOf('\n') + 1 || text.length);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}
