import { Injectable } from '@nestjs/common';
import {
  Conditions,
  Database,
  type KeysetList,
  keysetPage,
  prefixQuery,
  type Sql,
  searchWords,
  type Transaction,
} from '@nexus/database';
import type { Page } from '@nexus/kernel';
import { FileEntity, type FileStatus } from './file.entity.js';
import type { FileSort, ListFiles } from './files.schemas.js';

/** A row as the statements of this file select it. */
export interface FileRow {
  readonly id: string;
  readonly owner_id: string;
  readonly project_id: string | null;
  readonly name: string;
  /** bigint, as pg gives it. */
  readonly size: string;
  readonly content_type: string;
  readonly detected_type: string | null;
  readonly sha256: string;
  readonly object_key: string;
  readonly version: number;
  readonly status: FileStatus;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** What a new file is made of. */
export interface NewFile {
  readonly id: string;
  readonly ownerId: string;
  readonly projectId: string | null;
  readonly name: string;
  readonly size: number;
  readonly contentType: string;
  readonly detectedType: string | undefined;
  readonly sha256: string;
  readonly objectKey: string;
}

const COLUMNS =
  'id, owner_id, project_id, name, size, content_type, detected_type, sha256, object_key, version, status, created_at, updated_at';

const INSERT = `
  INSERT INTO file.files (id, owner_id, project_id, name, search, size, content_type, detected_type, sha256, object_key)
  VALUES ($1, $2, $3, $4, array_to_tsvector($5::text[]), $6, $7, $8, $9, $10) RETURNING ${COLUMNS}`;
const FIND = `SELECT ${COLUMNS} FROM file.files WHERE id = $1`;
const CHANGED = 'version = version + 1, updated_at = now()';
const RENAME = `UPDATE file.files SET name = $2, search = array_to_tsvector($3::text[]), ${CHANGED} WHERE id = $1 RETURNING ${COLUMNS}`;
const TRASH = `UPDATE file.files SET status = 'trashed', trashed_at = now(), ${CHANGED} WHERE id = $1 RETURNING ${COLUMNS}`;
const RESTORE = `UPDATE file.files SET status = 'active', trashed_at = NULL, ${CHANGED} WHERE id = $1 RETURNING ${COLUMNS}`;
// Locked rows are somebody's who restores them, or another process's that purges them.
const PURGE = `
  DELETE FROM file.files WHERE id IN (
    SELECT id FROM file.files WHERE status = 'trashed' AND trashed_at < now() - $1 * interval '1 day'
    ORDER BY trashed_at LIMIT $2 FOR UPDATE SKIP LOCKED
  ) RETURNING ${COLUMNS}`;

const LIST: KeysetList<FileSort> = {
  select: COLUMNS,
  from: 'file.files',
  id: 'id',
  orders: {
    '-created_at': { sql: 'created_at', type: 'timestamptz', descending: true },
    created_at: { sql: 'created_at', type: 'timestamptz' },
    '-updated_at': { sql: 'updated_at', type: 'timestamptz', descending: true },
    updated_at: { sql: 'updated_at', type: 'timestamptz' },
    name: { sql: 'name COLLATE "C"', type: 'text' },
    '-name': { sql: 'name COLLATE "C"', type: 'text', descending: true },
  },
};

/** The rows of files. */
@Injectable()
export class FilesRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: Sql, file: NewFile): Promise<FileRow> {
    const [row] = await tx.prepared<FileRow>(INSERT, [
      file.id,
      file.ownerId,
      file.projectId,
      file.name,
      searchWords(file.name),
      file.size,
      file.contentType,
      file.detectedType ?? null,
      file.sha256,
      file.objectKey,
    ]);
    return row as FileRow;
  }

  async find(id: string): Promise<FileRow | undefined> {
    const [row] = await this.database.prepared<FileRow>(FIND, [id]);
    return row;
  }

  /** Holds the row until the transaction ends. */
  async lock(tx: Transaction, id: string): Promise<FileEntity | null> {
    return tx.manager.findOne(FileEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
  }

  async rename(tx: Sql, id: string, name: string): Promise<FileRow> {
    const [row] = await tx.prepared<FileRow>(RENAME, [id, name, searchWords(name)]);
    return row as FileRow;
  }

  async trash(tx: Sql, id: string): Promise<FileRow> {
    const [row] = await tx.prepared<FileRow>(TRASH, [id]);
    return row as FileRow;
  }

  async restore(tx: Sql, id: string): Promise<FileRow> {
    const [row] = await tx.prepared<FileRow>(RESTORE, [id]);
    return row as FileRow;
  }

  /** Deletes files that were trashed long enough ago. @returns what was deleted */
  async purge(tx: Sql, trashDays: number, most: number): Promise<FileRow[]> {
    return tx.prepared<FileRow>(PURGE, [trashDays, most]);
  }

  /** @param ownerId whose files outside of projects, when the query names no project */
  async list(query: ListFiles, ownerId: string): Promise<Page<FileRow>> {
    const where = new Conditions();
    if (query.project_id === undefined) where.add((p) => `owner_id = ${p}`, ownerId).and('project_id IS NULL');
    else where.add((p) => `project_id = ${p}`, query.project_id);
    where.add((p) => `status = ${p}`, query.status);
    if (query.q !== undefined) {
      const words = prefixQuery(query.q);
      if (words === undefined) where.and('false');
      else where.add((p) => `search @@ ${p}::tsquery`, words);
    }
    const type = query.content_type;
    if (type?.endsWith('/*')) where.add((p) => `starts_with(content_type, ${p})`, type.slice(0, -1));
    else if (type !== undefined) where.add((p) => `split_part(content_type, ';', 1) = ${p}`, type);
    return keysetPage<FileRow, FileSort>(this.database, LIST, where, query);
  }
}
