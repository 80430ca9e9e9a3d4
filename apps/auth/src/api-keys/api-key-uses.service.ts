import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { LOGGER, type Logger } from '@nexus/observability';
import { type ApiKey, ApiKeysRepository } from './api-keys.repository.js';

/** A use is noted when the last one noted is so long ago. */
const PRECISION_MS = 60_000;
/** Uses of so long a time are written together. */
const GATHER_MS = 500;

/**
 * Notes when keys were last used: at most once a minute for each key, behind the requests, and not at all when the
 * process is killed before.
 */
@Injectable()
export class ApiKeyUses implements OnModuleDestroy {
  private gathered = new Map<string, Date>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly keys: ApiKeysRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @param at milliseconds since the epoch */
  note({ id, lastUsedAt }: Pick<ApiKey, 'id' | 'lastUsedAt'>, at: number): void {
    if (lastUsedAt !== null && at - lastUsedAt.getTime() < PRECISION_MS) return;
    this.gathered.set(id, new Date(at));
    this.timer ??= setTimeout(() => this.write(), GATHER_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.write();
    await this.writing;
  }

  private write(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.gathered.size === 0) return;
    const uses = this.gathered;
    this.gathered = new Map();
    this.writing = this.writing.then(async () => {
      try {
        await this.keys.noteUses(uses, PRECISION_MS);
      } catch (error) {
        this.logger.warn('The last use of API keys could not be noted; the next use will be', { error });
      }
    });
  }
}
