/** An entry that is not acknowledged may stay so for so long, in ms. */
const RECEIPT_MS = 1_000;

interface Receipt {
  readonly entry: number;
  /** Monotonic, ms. */
  readonly dueAt: number;
  readonly settle: () => void;
}

/** Which entries of one connection its follower has not acknowledged, and for how long. */
export class Receipts {
  private told = 0;
  /** Oldest first. */
  private due: Receipt[] = [];
  private timer: NodeJS.Timeout | undefined;
  private over = false;

  /** @param late called when an entry has waited too long; whoever is called ends the connection, or waits on */
  constructor(private readonly late: () => void) {}

  /** Another entry goes out. @returns when it and all before it are acknowledged, or nobody waits any more */
  expect(): Promise<void> {
    if (this.over) return Promise.resolve();
    const entry = ++this.told;
    return new Promise((settle) => {
      this.due.push({ entry, dueAt: performance.now() + RECEIPT_MS, settle });
      this.timer ??= setTimeout(() => this.look(), RECEIPT_MS).unref();
    });
  }

  /** So many entries are acknowledged. @throws Error for more than were told */
  take(seen: number): void {
    if (seen > this.told) throw new Error('More entries are acknowledged than were told');
    const open = this.due.findIndex(({ entry }) => entry > seen);
    for (const { settle } of this.due.splice(0, open < 0 ? this.due.length : open)) settle();
    if (this.due.length > 0) return;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Nobody waits any more. */
  drop(): void {
    this.over = true;
    this.take(this.told);
  }

  private look(): void {
    const [oldest] = this.due;
    if (!oldest) return;
    const leftMs = oldest.dueAt - performance.now();
    if (leftMs > 0) this.timer = setTimeout(() => this.look(), leftMs).unref();
    // A process that was busy itself reads first what has come meanwhile.
    else
      setImmediate(() => {
        if (this.due[0] === oldest) this.late();
        else this.look();
      });
  }
}
