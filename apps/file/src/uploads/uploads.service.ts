import type { IncomingMessage } from 'node:http';
import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import type { CallContext, UserActor } from '@nexus/kernel';
import { LOGGER, type Logger } from '@nexus/observability';
import { type FileConfig, fileConfig } from '../file.config.js';
import { FileAccess } from '../files/file-access.service.js';
import { ObjectRemoval } from '../storage/object-removal.service.js';
import { ObjectStore } from '../storage/object-store.port.js';
import { UsageService } from '../usage/usage.service.js';
import { type UploadAnswer, UploadLedger } from './upload-ledger.service.js';
import { UploadRemains } from './upload-remains.js';
import { type UploadParts, UploadRun } from './upload-run.js';

/** Takes uploads, and waits for them to clear away what they hold before the process ends. */
@Injectable()
export class UploadsService implements BeforeApplicationShutdown {
  private readonly parts: UploadParts;
  private readonly running = new Set<Promise<UploadAnswer>>();

  constructor(
    ledger: UploadLedger,
    store: ObjectStore,
    access: FileAccess,
    usage: UsageService,
    removal: ObjectRemoval,
    @Inject(fileConfig.token) config: FileConfig,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.parts = { ledger, store, access, usage, remains: new UploadRemains(ledger, removal, logger), config, logger };
  }

  /** @param request with its body unread; it is left open, so that an answer can be given in any case */
  async receive(ctx: CallContext, caller: UserActor, request: IncomingMessage): Promise<UploadAnswer> {
    const upload = new UploadRun(this.parts, ctx, caller, request).run();
    this.running.add(upload);
    try {
      return await upload;
    } finally {
      this.running.delete(upload);
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.allSettled(this.running);
    this.parts.remains.close();
  }
}
