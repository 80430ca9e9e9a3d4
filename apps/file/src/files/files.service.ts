import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { Database, type Transaction } from '@nexus/database';
import { assertVersion, type ExpectedVersion } from '@nexus/http';
import type { CallContext, Page, UserActor } from '@nexus/kernel';
import { fileErrors } from '../file.errors.js';
import type { FileEntity } from './file.entity.js';
import { FileAccess } from './file-access.service.js';
import { type FileRow, FilesRepository } from './files.repository.js';
import type { FileResource, ListFiles } from './files.schemas.js';

/** A file as the API shows it. */
export function toFile(row: FileRow): FileResource {
  return {
    id: row.id,
    name: row.name,
    size: Number(row.size),
    content_type: row.content_type,
    sha256: row.sha256,
    project_id: row.project_id,
    owner_id: row.owner_id,
    version: row.version,
    status: row.status,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** What is known about files, and the trash. Their content is the business of uploads and downloads. */
@Injectable()
export class FilesService {
  constructor(
    private readonly database: Database,
    private readonly files: FilesRepository,
    private readonly access: FileAccess,
    private readonly audit: AuditTrail,
  ) {}

  async list(ctx: CallContext, caller: UserActor, query: ListFiles): Promise<Page<FileResource>> {
    if (query.project_id !== undefined) await this.access.assertProject(ctx, query.project_id, 'read');
    const page = await this.files.list(query, caller.id);
    return { ...page, items: page.items.map(toFile) };
  }

  async get(ctx: CallContext, id: string): Promise<FileResource> {
    return toFile(await this.readable(ctx, id));
  }

  /** A file that the caller may read. @throws AppError `file_not_found` */
  async readable(ctx: CallContext, id: string): Promise<FileRow> {
    const row = await this.files.find(id);
    if (!row) throw fileErrors.file_not_found();
    await this.access.assertFile(ctx, row, 'read');
    return row;
  }

  async rename(
    ctx: CallContext,
    id: string,
    name: string,
    expected: ExpectedVersion | undefined,
  ): Promise<FileResource> {
    return this.change(ctx, id, expected, async (tx, file) => {
      if (file.status === 'trashed') throw fileErrors.file_trashed();
      const row = await this.files.rename(tx, id, name);
      await this.audit.record(tx, ctx, { action: 'file.renamed', outcome: 'success', target: { type: 'file', id } });
      return row;
    });
  }

  /** Puts a file into the trash; one that is there already stays. */
  async trash(ctx: CallContext, id: string, expected: ExpectedVersion | undefined): Promise<void> {
    await this.change(ctx, id, expected, async (tx, file) => {
      if (file.status === 'trashed') return undefined;
      const row = await this.files.trash(tx, id);
      await this.audit.record(tx, ctx, { action: 'file.trashed', outcome: 'success', target: { type: 'file', id } });
      return row;
    });
  }

  /** Takes a file out of the trash; one that is not in it stays as it is. */
  async restore(ctx: CallContext, id: string, expected: ExpectedVersion | undefined): Promise<FileResource> {
    return this.change(ctx, id, expected, async (tx, file) => {
      if (file.status === 'active') return undefined;
      const row = await this.files.restore(tx, id);
      await this.audit.record(tx, ctx, { action: 'file.restored', outcome: 'success', target: { type: 'file', id } });
      return row;
    });
  }

  /** @param write returns the changed row, or nothing when there was nothing to change */
  private async change(
    ctx: CallContext,
    id: string,
    expected: ExpectedVersion | undefined,
    write: (tx: Transaction, file: FileEntity) => Promise<FileRow | undefined>,
  ): Promise<FileResource> {
    const before = await this.files.find(id);
    if (!before) throw fileErrors.file_not_found();
    await this.access.assertFile(ctx, before, 'change');
    const after = await this.database.transaction(async (tx) => {
      const file = await this.files.lock(tx, id);
      // Purged meanwhile.
      if (!file) throw fileErrors.file_not_found();
      assertVersion(expected, file.version);
      return write(tx, file);
    });
    return toFile(after ?? (await this.files.find(id)) ?? before);
  }
}
