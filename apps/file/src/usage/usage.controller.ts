import { Controller } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { Caller, Endpoint } from '@nexus/http';
import type { UserActor } from '@nexus/kernel';
import { type FileUsage, fileUsage } from './usage.schemas.js';
import { UsageService } from './usage.service.js';

@Controller('api/v1/files')
export class UsageController {
  constructor(private readonly usage: UsageService) {}

  @Scopes('files:read')
  @Endpoint('GET', 'usage', {
    operation: 'getFileUsage',
    summary: 'How much space the caller’s files take',
    response: fileUsage,
  })
  read(@Caller() caller: UserActor): Promise<FileUsage> {
    return this.usage.read(caller);
  }
}
