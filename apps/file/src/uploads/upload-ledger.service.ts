import { Inject, Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { Database } from '@nexus/database';
import { entityTag, IdempotencyStore, type KeptAnswer } from '@nexus/http';
import { type CallContext, errors, uuidv4, uuidv7 } from '@nexus/kernel';
import { type FileConfig, fileConfig } from '../file.config.js';
import { fileErrors } from '../file.errors.js';
import { FilesRepository, type NewFile } from '../files/files.repository.js';
import { toFile } from '../files/files.service.js';
import { UsageRepository } from '../usage/usage.repository.js';
import { type KeyInScope, UploadsRepository } from './uploads.repository.js';

/** The idempotency of one upload. */
export interface UploadTicket extends KeyInScope {
  readonly fingerprint: string;
}

/** What an upload has brought. */
export type UploadedFile = Omit<NewFile, 'id'>;

/** The answer to an upload, and whether it is the first one's again. */
export interface UploadAnswer {
  readonly answer: KeptAnswer;
  readonly replayed: boolean;
}

function answerFor(row: Parameters<typeof toFile>[0]): KeptAnswer {
  const file = toFile(row);
  const json = JSON.stringify(file);
  return {
    status: 201,
    head: `{"success":true,"data":${json},"request_id":"`,
    etag: entityTag(json, file.version),
    headers: { Location: `/api/v1/files/${file.id}` },
  };
}

/**
 * The database's side of an upload. A row in `uploads` stands before the first byte is written; the transaction that
 * makes the file takes it away. So a crash at any moment leaves either a file with its object, or a row that tells
 * what has to be cleared away.
 */
@Injectable()
export class UploadLedger {
  private readonly idempotency: IdempotencyStore;

  constructor(
    private readonly database: Database,
    private readonly uploads: UploadsRepository,
    private readonly files: FilesRepository,
    private readonly usage: UsageRepository,
    private readonly audit: AuditTrail,
    @Inject(fileConfig.token) private readonly config: FileConfig,
  ) {
    this.idempotency = new IdempotencyStore(database.schema);
  }

  /**
   * The answer that this upload got before.
   * @throws AppError `idempotency_in_progress`, `idempotency_key_reused`
   */
  async replay(ticket: UploadTicket): Promise<KeptAnswer | undefined> {
    const { scope, key, fingerprint } = ticket;
    return this.database.transaction((tx) => this.idempotency.begin(tx, scope, key, fingerprint));
  }

  /**
   * Opens an upload.
   * @returns its object's key
   * @throws AppError `idempotency_in_progress`
   */
  async begin(ownerId: string, ticket: UploadTicket | undefined, objectKey = uuidv4()): Promise<string> {
    if (await this.uploads.begin(objectKey, ownerId, ticket)) return objectKey;
    // The holder of the key may have died: then nobody has to wait for the sweeper.
    if (ticket) {
      const given = await this.uploads.discardStaleHolder(ticket, this.config.FILE_UPLOAD_STALE_SECONDS);
      if (given.length > 0 && (await this.uploads.begin(objectKey, ownerId, ticket))) return objectKey;
    }
    throw errors.idempotency_in_progress({ headers: { 'retry-after': '1' } });
  }

  /** A sign of life. @throws AppError `unavailable` when the upload was given up meanwhile */
  async touch(objectKey: string): Promise<void> {
    if (!(await this.uploads.touch(objectKey))) throw givenUp();
  }

  /**
   * Makes the file of an upload whose object exists. Everything that follows from it happens in one transaction:
   * space taken, file, audit record and kept answer.
   *
   * @throws AppError `quota_exceeded`, `idempotency_in_progress`, `unavailable`
   */
  async complete(ctx: CallContext, uploaded: UploadedFile, ticket: UploadTicket | undefined): Promise<UploadAnswer> {
    return this.database.transaction(async (tx) => {
      if (ticket) {
        const kept = await this.idempotency.begin(tx, ticket.scope, ticket.key, ticket.fingerprint);
        // The same upload has finished since we looked: this one's object is not needed.
        if (kept) return { answer: kept, replayed: true };
      }
      if (!(await this.uploads.finish(tx, uploaded.objectKey))) throw givenUp();
      const fits = await this.usage.take(tx, uploaded.ownerId, uploaded.size, this.config.FILE_QUOTA_BYTES);
      if (!fits) throw fileErrors.quota_exceeded();
      const row = await this.files.insert(tx, { ...uploaded, id: uuidv7() });
      await this.audit.record(tx, ctx, {
        action: 'file.uploaded',
        outcome: 'success',
        target: { type: 'file', id: row.id },
        details: { size: uploaded.size, sha256: uploaded.sha256, project_id: uploaded.projectId },
      });
      const answer = answerFor(row);
      if (ticket) await this.idempotency.keep(tx, ticket.scope, ticket.key, ticket.fingerprint, answer);
      return { answer, replayed: false };
    });
  }

  /** Gives an upload up. @returns true when its object has to be removed now */
  async discard(objectKey: string): Promise<boolean> {
    return this.uploads.discard(objectKey);
  }
}

function givenUp() {
  return errors.unavailable({
    message: 'The upload took too long to make progress. Please try again.',
    headers: { 'retry-after': '1' },
  });
}
