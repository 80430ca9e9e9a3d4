import { Body, Controller, Param, Query } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { Caller, Ctx, Endpoint, type ExpectedVersion, IfMatch, idParam } from '@nexus/http';
import type { CallContext, Page, UserActor } from '@nexus/kernel';
import type { z } from 'zod';
import { changeFile, type FileResource, fileResource, type ListFiles, listFiles } from './files.schemas.js';
import { FilesService } from './files.service.js';

@Controller('api/v1/files')
export class FilesController {
  constructor(private readonly files: FilesService) {}

  @Scopes('files:read')
  @Endpoint('GET', '', {
    operation: 'listFiles',
    summary: 'List files',
    description: 'The files of a project, or without `project_id` the caller’s own files outside of projects.',
    list: fileResource,
    errors: ['forbidden', 'not_found'],
  })
  list(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Query({ schema: listFiles }) query: ListFiles,
  ): Promise<Page<FileResource>> {
    return this.files.list(ctx, caller, query);
  }

  @Scopes('files:read')
  @Endpoint('GET', ':id', {
    operation: 'getFile',
    summary: 'Read what is known about a file',
    response: fileResource,
    errors: ['file_not_found'],
  })
  get(@Ctx() ctx: CallContext, @Param({ schema: idParam }) { id }: z.output<typeof idParam>): Promise<FileResource> {
    return this.files.get(ctx, id);
  }

  @Scopes('files:write')
  @Endpoint('PATCH', ':id', {
    operation: 'renameFile',
    summary: 'Rename a file',
    response: fileResource,
    errors: ['file_not_found', 'forbidden', 'file_trashed', 'stale_version'],
  })
  rename(
    @Ctx() ctx: CallContext,
    @Param({ schema: idParam }) { id }: z.output<typeof idParam>,
    @Body({ schema: changeFile }) change: z.output<typeof changeFile>,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<FileResource> {
    return this.files.rename(ctx, id, change.name, expected);
  }

  @Scopes('files:write')
  @Endpoint('DELETE', ':id', {
    operation: 'trashFile',
    summary: 'Put a file into the trash',
    description: 'It can be restored for 30 days, then it is gone. Until then it takes its owner’s space.',
    errors: ['file_not_found', 'forbidden', 'stale_version'],
  })
  async trash(
    @Ctx() ctx: CallContext,
    @Param({ schema: idParam }) { id }: z.output<typeof idParam>,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<void> {
    await this.files.trash(ctx, id, expected);
  }

  @Scopes('files:write')
  @Endpoint('POST', ':id/restore', {
    operation: 'restoreFile',
    summary: 'Take a file out of the trash',
    response: fileResource,
    errors: ['file_not_found', 'forbidden', 'stale_version'],
  })
  restore(
    @Ctx() ctx: CallContext,
    @Param({ schema: idParam }) { id }: z.output<typeof idParam>,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<FileResource> {
    return this.files.restore(ctx, id, expected);
  }
}
