import type { DatabaseRoot } from '@nexus/database';
import type { Logger } from '@nexus/observability';

const HOUR_MS = 3_600_000;

/** Clears kept answers after their 24 h, and notes of handled events once no queue can deliver them again (30 days). */
export class Housekeeping {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly databases: DatabaseRoot,
    private readonly services: readonly string[],
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.running = this.sweep();
    }, HOUR_MS);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  async sweep(): Promise<void> {
    for (const service of this.services) {
      try {
        const database = this.databases.get(service);
        await database.prepared(
          `DELETE FROM "${service}".idempotency_keys WHERE created_at < now() - interval '24 hours'`,
        );
        await database.prepared(
          `DELETE FROM "${service}".processed_events WHERE processed_at < now() - interval '30 days'`,
        );
      } catch (error) {
        this.logger.warn('Old entries could not be cleared; the next round will', { 'service.name': service, error });
      }
    }
  }
}
