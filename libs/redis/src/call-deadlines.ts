/** One call that must be answered in time. */
export interface DeadlineCall {
  /** Monotonic start, in ms. */
  readonly startedAt: number;
  /** Somebody has answered; the deadline is no matter any more. */
  done: boolean;
  /** Told once, when nobody has answered in time. */
  late(): void;
}

/** Entries that are taken off at the front before the list is cut. */
const CUT = 1024;

/**
 * Ends calls that take too long: one length for all, so that they stand in the order of their ends and one timer does
 * for all of them.
 *
 * A turn of the event loop runs timers before it reads sockets. After a pause of this process (a collection, a long
 * computation) the answers lie there unread when the timer fires, and none of them is late: they are read first.
 */
export class CallDeadlines {
  private calls: DeadlineCall[] = [];
  private head = 0;
  private isArmed = false;

  /** @param lengthMs how long each may take */
  constructor(private readonly lengthMs: number) {}

  add(call: DeadlineCall): void {
    this.calls.push(call);
    if (!this.isArmed) this.arm(this.lengthMs);
  }

  private arm(ms: number): void {
    this.isArmed = true;
    setTimeout(() => setImmediate(() => this.look()), ms).unref();
  }

  private look(): void {
    const now = performance.now();
    const { calls } = this;
    while (this.head < calls.length) {
      const call = calls[this.head] as DeadlineCall;
      const leftMs = call.startedAt + this.lengthMs - now;
      if (!call.done && leftMs > 0) {
        this.cut();
        this.arm(Math.max(1, leftMs));
        return;
      }
      this.head += 1;
      if (!call.done) call.late();
    }
    this.calls = [];
    this.head = 0;
    this.isArmed = false;
  }

  private cut(): void {
    if (this.head < CUT) return;
    this.calls = this.calls.slice(this.head);
    this.head = 0;
  }
}
