import { errors } from '@nexus/kernel';

interface Waiting {
  readonly go: () => void;
}

/** So many at once, the others in order behind them. */
export class Slots {
  private free: number;
  private readonly queue = new Set<Waiting>();

  /** @param size how many work at once, at least 1 */
  constructor(size: number) {
    this.free = Math.max(1, Math.floor(size));
  }

  /** How many wait. */
  get waiting(): number {
    return this.queue.size;
  }

  /**
   * Runs the work in a slot.
   * @param signal who stops waiting when it is aborted
   * @throws AppError `timed_out` when the signal comes before the slot
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await this.wait(signal);
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.queue.delete(entry);
        reject(errors.timed_out());
      };
      const entry: Waiting = {
        go: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      this.queue.add(entry);
    });
  }

  private release(): void {
    const next = this.queue.values().next().value;
    if (next) {
      this.queue.delete(next);
      next.go();
    } else this.free++;
  }
}
