/** Calls in a row without an answer after which nobody asks any more. */
const TOLERATED = 5;
/** Between two looks whether it answers again, in ms: the first, and at most. */
const FIRST_LOOK_MS = 50;
const MAX_LOOK_MS = 1_000;
/** Looks in a row without an answer after which the connection itself is held to be dead. */
const LOOKS_PER_CONNECTION = 4;

/** What the breaker does itself with its server. */
export interface BreakerServer {
  /** Asks the server, outside of any request; settles in bounded time. */
  look(): Promise<unknown>;
  /** Makes the connection anew: a peer that vanished ends none. */
  reconnect(): void;
  changed(isOpen: boolean): void;
}

/**
 * Keeps requests from waiting for a server that does not answer (circuit breaker; M. Nygard, "Release It!", 2007). After
 * five calls in a row without an answer it opens; while it is open nobody asks, and no request is used to find out
 * whether the server is back: the breaker looks itself.
 */
export class RedisBreaker {
  private failures = 0;
  private looks = 0;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly server: BreakerServer) {}

  get isOpen(): boolean {
    return this.timer !== undefined;
  }

  succeeded(): void {
    this.failures = 0;
  }

  failed(): void {
    this.failures += 1;
    if (this.failures >= TOLERATED) this.open();
  }

  /** It is known that nobody answers. */
  open(): void {
    if (this.isOpen || this.closed) return;
    this.looks = 0;
    this.lookLater();
    this.server.changed(true);
  }

  /** Something says that the server may be back. */
  lookSoon(): void {
    if (!this.isOpen) return;
    clearTimeout(this.timer);
    this.looks = 0;
    this.lookLater(0);
  }

  private lookLater(ms = Math.min(MAX_LOOK_MS, FIRST_LOOK_MS * 2 ** Math.min(this.looks, 8))): void {
    this.timer = setTimeout(() => void this.look(), ms).unref();
  }

  private async look(): Promise<void> {
    const mine = this.timer;
    try {
      await this.server.look();
    } catch {
      // Another look began meanwhile.
      if (this.closed || this.timer !== mine) return;
      this.looks += 1;
      if (this.looks % LOOKS_PER_CONNECTION === 0) this.server.reconnect();
      this.lookLater();
      return;
    }
    if (this.closed || this.timer !== mine) return;
    this.timer = undefined;
    this.failures = 0;
    this.server.changed(false);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
