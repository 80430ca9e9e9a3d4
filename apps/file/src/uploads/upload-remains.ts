import type { Logger } from '@nexus/observability';
import type { ObjectRemoval } from '../storage/object-removal.service.js';
import type { UploadLedger } from './upload-ledger.service.js';

/** Until the next try, in ms. */
const AGAIN_MS = 1_000;
/** Beyond so many, what is left is the sweeper's alone. */
const MOST = 1_000;

/**
 * Gives up uploads that have failed: now or, while the database does not take it, as soon as it does. Until then the row of
 * such an upload holds its idempotency key, and whoever sends the upload again is told that it is under way.
 */
export class UploadRemains {
  private readonly left = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly ledger: UploadLedger,
    private readonly removal: ObjectRemoval,
    private readonly logger: Logger,
  ) {}

  /** Never fails: what cannot be cleared away now is tried again, and in the end found by the sweeper. */
  async clear(objectKey: string): Promise<void> {
    try {
      await this.giveUp(objectKey);
    } catch (error) {
      this.logger.warn('The remains of an upload could not be removed yet', { error });
      if (this.left.size < MOST) this.left.add(objectKey);
      this.tryLater();
    }
  }

  /** What is left then is for the sweeper of another process. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async giveUp(objectKey: string): Promise<void> {
    if (await this.ledger.discard(objectKey)) await this.removal.finish(objectKey);
  }

  private tryLater(): void {
    if (this.closed || this.timer) return;
    this.timer = setTimeout(() => void this.tryAgain(), AGAIN_MS);
    this.timer.unref();
  }

  private async tryAgain(): Promise<void> {
    try {
      for (const objectKey of this.left) {
        await this.giveUp(objectKey);
        this.left.delete(objectKey);
      }
    } catch {
      // It was said when it failed first.
    }
    this.timer = undefined;
    if (this.left.size > 0) this.tryLater();
  }
}
