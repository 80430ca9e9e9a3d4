import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { type OnServiceStart, ownContext } from '@nexus/bootstrap';
import { LOGGER, type Logger } from '@nexus/observability';
import { type FileConfig, fileConfig } from '../file.config.js';
import { ObjectRemoval } from '../storage/object-removal.service.js';
import { ObjectStore } from '../storage/object-store.port.js';
import { UploadsRepository } from '../uploads/uploads.repository.js';
import { TrashService } from './trash.service.js';

const SERVICE = 'file';
const BATCH = 500;

/** What one round found. */
export interface Swept {
  readonly uploads: number;
  readonly purged: number;
  readonly objects: number;
  readonly remains: number;
}

/**
 * Clears away what crashes leave behind, and the expired trash. Any number of processes may sweep at once, beside
 * uploads of others: an upload is given up by taking away its row, and without its row it cannot become a file.
 */
@Injectable()
export class Sweeper implements OnServiceStart, BeforeApplicationShutdown {
  private readonly stopped = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();

  constructor(
    private readonly uploads: UploadsRepository,
    private readonly removal: ObjectRemoval,
    private readonly store: ObjectStore,
    private readonly trash: TrashService,
    @Inject(fileConfig.token) private readonly config: FileConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onServiceStart(): Promise<void> {
    await this.store.prepare();
    // The first round does not hold up the start: nothing of it is in the way of a request.
    this.turn();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped.abort();
    clearTimeout(this.timer);
    await this.round;
  }

  /** One round. */
  async sweep(): Promise<Swept> {
    const { signal } = this.stopped;
    const uploads = (await this.uploads.discardStale(this.config.FILE_UPLOAD_STALE_SECONDS)).length;
    const purged = await this.trash.purgeExpired(ownContext(SERVICE), signal);
    const objects = await this.removal.finishDue(signal);
    return { uploads, purged, objects, remains: await this.clearRemains(signal) };
  }

  private turn(): void {
    this.round = this.sweep()
      .then(
        (swept) => {
          if (Object.values(swept).some((count) => count > 0))
            this.logger.info('Remains of files were cleared away', { ...swept });
        },
        (error: unknown) =>
          this.logger.warn('Remains of files could not be cleared away; the next round will try again', { error }),
      )
      .then(() => {
        if (this.stopped.signal.aborted) return;
        this.timer = setTimeout(() => this.turn(), this.config.FILE_SWEEP_SECONDS * 1000);
        this.timer.unref();
      });
  }

  /**
   * Removes what was begun in the store and belongs to no upload. Its row stood before the first byte, so what has no
   * row now was given up, or its process died between the two.
   */
  private async clearRemains(signal: AbortSignal): Promise<number> {
    const before = Date.now() - this.config.FILE_UPLOAD_STALE_SECONDS * 1000;
    let removed = 0;
    let batch: string[] = [];
    const clear = async () => {
      const known = await this.uploads.known(batch);
      for (const key of batch) {
        if (known.has(key)) continue;
        // Not its object: what was listed may have become a file since.
        await this.store.abandon(key);
        removed++;
      }
      batch = [];
    };
    for await (const { key, since } of this.store.unfinished()) {
      if (signal.aborted) return removed;
      if (since.getTime() < before) batch.push(key);
      if (batch.length === BATCH) await clear();
    }
    await clear();
    return removed;
  }
}
