import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { type OnServiceStart, ownContext } from '@nexus/bootstrap';
import { ResponseCache } from '@nexus/caching';
import { Database } from '@nexus/database';
import { LOGGER, type Logger } from '@nexus/observability';
import { type ProjectConfig, projectConfig } from '../project.config.js';
import { ProjectsRepository } from './projects.repository.js';
import { projectTag } from './projects.service.js';

/** Few enough that one transaction stays short. */
const BATCH = 100;

/** Removes for good what has been in the trash for 30 days. Several replicas may sweep at once. */
@Injectable()
export class TrashSweepService implements OnServiceStart, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly db: Database,
    private readonly projects: ProjectsRepository,
    private readonly audit: AuditTrail,
    private readonly cache: ResponseCache,
    @Inject(projectConfig.token) private readonly config: ProjectConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Sweeps now and then at intervals; the start does not wait for it. */
  async onServiceStart(): Promise<void> {
    this.run();
    this.timer = setInterval(() => this.run(), this.config.PROJECT_TRASH_SWEEP_SECONDS * 1000);
    this.timer.unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  /** @returns how many projects were removed */
  async sweep(): Promise<number> {
    let removed = 0;
    for (;;) {
      const batch = await this.purge();
      removed += batch;
      if (batch < BATCH || this.stopped) return removed;
    }
  }

  private run(): void {
    this.running = this.running.then(async () => {
      try {
        const removed = this.stopped ? 0 : await this.sweep();
        if (removed > 0)
          this.logger.info('Projects were removed from the trash', { 'nexus.projects.removed': removed });
      } catch (error) {
        this.logger.warn('The trash could not be swept; the next round will', { error });
      }
    });
  }

  private purge(): Promise<number> {
    const ctx = ownContext('project');
    return this.db.transaction(async (tx) => {
      const ids = await this.projects.purge(tx, BATCH);
      for (const id of ids) {
        await this.audit.record(tx, ctx, {
          action: 'project.purged',
          outcome: 'success',
          target: { type: 'project', id },
        });
      }
      tx.afterCommit(() => this.cache.invalidate(ids.map(projectTag)));
      return ids.length;
    });
  }
}
