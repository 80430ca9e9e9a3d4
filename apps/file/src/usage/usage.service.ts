import { Inject, Injectable } from '@nestjs/common';
import type { UserActor } from '@nexus/kernel';
import { type FileConfig, fileConfig } from '../file.config.js';
import { UsageRepository } from './usage.repository.js';
import type { FileUsage } from './usage.schemas.js';

/** Everybody's space. */
@Injectable()
export class UsageService {
  constructor(
    private readonly usage: UsageRepository,
    @Inject(fileConfig.token) private readonly config: FileConfig,
  ) {}

  async read(caller: UserActor): Promise<FileUsage> {
    const { bytes, files } = await this.usage.read(caller.id);
    return { used: bytes, limit: this.config.FILE_QUOTA_BYTES, count: files };
  }

  /** Bytes that are left to somebody right now; 0 also when there is less than nothing after the limit was lowered. */
  async left(userId: string): Promise<number> {
    const { bytes } = await this.usage.read(userId);
    return Math.max(0, this.config.FILE_QUOTA_BYTES - bytes);
  }
}
