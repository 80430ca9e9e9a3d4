import { Injectable } from '@nestjs/common';
import { ObjectStore } from './object-store.port.js';
import { RemovalsRepository } from './removals.repository.js';

const BATCH = 100;

/**
 * Removes objects whose last reference is gone. First the reference goes and a removal is noted, in one transaction;
 * then the object; then the note. Whatever dies in between is taken up again, by any process.
 */
@Injectable()
export class ObjectRemoval {
  constructor(
    private readonly removals: RemovalsRepository,
    private readonly store: ObjectStore,
  ) {}

  /** Finishes a removal that was noted. */
  async finish(key: string): Promise<void> {
    await this.store.delete(key);
    await this.removals.done(key);
  }

  /** Finishes all that are noted. @returns how many */
  async finishDue(signal: AbortSignal): Promise<number> {
    let finished = 0;
    while (!signal.aborted) {
      const keys = await this.removals.due(BATCH);
      for (const key of keys) await this.finish(key);
      finished += keys.length;
      if (keys.length < BATCH) break;
    }
    return finished;
  }
}
