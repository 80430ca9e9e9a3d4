import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { carriesBody, type KeptAnswer, keyShape, normaliseKeys, validationError } from '@nexus/http';
import { AppError, type CallContext, errors, type UserActor, uuidv4 } from '@nexus/kernel';
import type { Logger } from '@nexus/observability';
import type { FileConfig } from '../file.config.js';
import { fileErrors } from '../file.errors.js';
import type { FileAccess } from '../files/file-access.service.js';
import { nameOfUpload } from '../files/file-name.js';
import { type ObjectSink, type ObjectStore, StorageFullError } from '../storage/object-store.port.js';
import { writeSpending } from '../storage/spent-chunks.js';
import type { UsageService } from '../usage/usage.service.js';
import { ContentMeter } from './content-meter.js';
import { keptContentType } from './media-type.js';
import { type FilePart, type FormLimits, readForm } from './multipart-form.js';
import { malformed } from './part-header.js';
import { digestsOfPart, readUploadHead, type UploadHead, uploadFingerprint } from './upload-head.js';
import type { UploadAnswer, UploadedFile, UploadLedger, UploadTicket } from './upload-ledger.service.js';
import type { UploadRemains } from './upload-remains.js';
import { type UploadFields, uploadFields } from './uploads.schemas.js';

/** What an upload works with. */
export interface UploadParts {
  readonly ledger: UploadLedger;
  readonly store: ObjectStore;
  readonly access: FileAccess;
  readonly usage: UsageService;
  readonly remains: UploadRemains;
  readonly config: FileConfig;
  readonly logger: Logger;
}

const OPERATION = 'uploadFile';
/** A body may be so much longer than its file. */
const OVERHEAD_BYTES = 1024 * 1024;
const FORM: Omit<FormLimits, 'idleMs'> = {
  fields: 8,
  fieldBytes: 4096,
  headerBytes: 8192,
  overheadBytes: OVERHEAD_BYTES,
};
/** Signs of life in the time after which an upload counts as dead. */
const BEATS = 6;
const FIELDS = keyShape(uploadFields);

function required(field: string): AppError {
  return errors.validation_failed({ details: [{ code: 'required', field, message: 'This field is required.' }] });
}

/** Checks fields as they are known; an empty one counts as not sent, because forms send them all. */
function parseFields(sent: ReadonlyMap<string, string>): UploadFields {
  const given = normaliseKeys(Object.fromEntries([...sent].filter(([, value]) => value !== '')), FIELDS);
  const parsed = uploadFields.safeParse(given);
  if (!parsed.success) throw validationError(parsed.error.issues as Parameters<typeof validationError>[0]);
  return parsed.data;
}

/** One upload from its first byte to its answer. Whatever happens, nothing is left behind that is no file. */
export class UploadRun {
  private readonly head: UploadHead;
  private readonly lost = new AbortController();
  private readonly bodyHash: Hash | undefined;
  private beat: NodeJS.Timeout | undefined;
  private key: string | undefined;
  private sink: ObjectSink | undefined;
  private ticket: UploadTicket | undefined;
  private kept: KeptAnswer | undefined;
  private file: { readonly part: FilePart; readonly digests: readonly string[]; meter?: ContentMeter } | undefined;

  constructor(
    private readonly parts: UploadParts,
    private readonly ctx: CallContext,
    private readonly caller: UserActor,
    private readonly request: IncomingMessage,
  ) {
    this.head = readUploadHead(request.headers);
    if (this.head.digests.length > 0) this.bodyHash = createHash('sha256');
  }

  async run(): Promise<UploadAnswer> {
    const { config } = this.parts;
    try {
      this.refuseDeclared(config.FILE_MAX_BYTES, fileErrors.file_too_large);
      // With a key, this upload may be the one that has taken the space.
      if (this.head.key === undefined) await this.refuseOverQuota();
      const limits = { ...FORM, idleMs: config.FILE_UPLOAD_IDLE_SECONDS * 1000 };
      if (!carriesBody(this.request)) throw malformed();
      const form = await readForm(this.request, this.head.boundary, limits, {
        file: (part, before) => this.receive(part, before),
        bytes: (chunk) => void this.bodyHash?.update(chunk),
        signal: this.lost.signal,
      });
      if (this.kept) return { answer: this.kept, replayed: true };
      if (!form.hasFile) throw required('file');
      return await this.complete(form.fields);
    } catch (error) {
      throw this.explain(error);
    } finally {
      await this.clearAway();
    }
  }

  /** Stores the content, once it is clear that the caller may upload it. */
  private async receive(part: FilePart, before: ReadonlyMap<string, string>): Promise<'more' | 'enough'> {
    const { ledger, store, access, config } = this.parts;
    const fields = parseFields(before);
    const digests = digestsOfPart(part.headers);
    this.file = { part, digests };
    if (this.head.key !== undefined) {
      const fingerprint = uploadFingerprint(this.head, { ...fields, filename: part.filename ?? null, digests });
      this.ticket = { scope: `${this.caller.id}:${OPERATION}`, key: this.head.key, fingerprint };
      this.kept = await ledger.replay(this.ticket);
      if (this.kept) return 'enough';
    }
    if (fields.project_id !== undefined) await access.assertProject(this.ctx, fields.project_id, 'change');
    const left = await this.refuseOverQuota();
    const key = uuidv4();
    // Before it is written down: when the database goes away meanwhile, nobody knows whether it was.
    this.key = key;
    await ledger.begin(this.caller.id, this.ticket, key);
    this.startBeating(key);
    this.sink = await store.begin(key);
    const meter = new ContentMeter([
      { bytes: config.FILE_MAX_BYTES, error: fileErrors.file_too_large },
      { bytes: left, error: fileErrors.quota_exceeded },
    ]);
    this.file.meter = meter;
    const { stream } = this.sink;
    await writeSpending(meter.through(part.content), stream, this.head.boundary.length);
    return 'more';
  }

  /** Makes a file of what was received. */
  private async complete(sent: ReadonlyMap<string, string>): Promise<UploadAnswer> {
    const { ledger, access } = this.parts;
    const { file, sink, key } = this;
    if (!file?.meter || !sink || key === undefined) throw new Error('An upload was completed before it was received');
    const fields = parseFields(sent);
    const { name } = fields.name ? fields : parseFields(new Map([['name', nameOfUpload(file.part.filename) ?? '']]));
    if (name === undefined) throw required('name');
    // Asked anew: the content may have taken hours.
    if (fields.project_id !== undefined) await access.assertProject(this.ctx, fields.project_id, 'change');
    const { size, sha256, detectedType } = file.meter.result();
    this.assertDigests(sha256);
    await ledger.touch(key);
    await sink.commit();
    this.sink = undefined;
    const uploaded: UploadedFile = {
      ownerId: this.caller.id,
      projectId: fields.project_id ?? null,
      name,
      size,
      sha256,
      detectedType,
      contentType: keptContentType(file.part.headers.get('content-type'), detectedType),
      objectKey: key,
    };
    const outcome = await ledger.complete(this.ctx, uploaded, this.ticket);
    if (!outcome.replayed) this.key = undefined;
    return outcome;
  }

  /**
   * A digest of the part covers the content. One of the whole request covers the form by the letter of RFC 9530;
   * many clients mean the file. Either proves that the content is what was sent.
   */
  private assertDigests(sha256: string): void {
    const body = this.bodyHash?.digest('hex');
    const matches =
      (this.file?.digests ?? []).every((digest) => digest === sha256) &&
      this.head.digests.every((digest) => digest === sha256 || digest === body);
    if (!matches) throw fileErrors.digest_mismatch();
  }

  private refuseDeclared(bytes: number, error: () => AppError): void {
    if (this.head.length !== undefined && this.head.length - OVERHEAD_BYTES > bytes) throw error();
  }

  private async refuseOverQuota(): Promise<number> {
    const left = await this.parts.usage.left(this.caller.id);
    this.refuseDeclared(left, fileErrors.quota_exceeded);
    return left;
  }

  private startBeating(key: string): void {
    const { ledger, config, logger } = this.parts;
    this.beat = setInterval(
      () => {
        ledger.touch(key).catch((error: unknown) => {
          if (error instanceof AppError) this.lost.abort(error);
          else logger.warn('An upload could not give a sign of life; it will try again', { error });
        });
      },
      (config.FILE_UPLOAD_STALE_SECONDS * 1000) / BEATS,
    );
    this.beat.unref();
  }

  private explain(error: unknown): unknown {
    if (error instanceof StorageFullError)
      return fileErrors.storage_full({ headers: { 'retry-after': '60' }, cause: error });
    return error;
  }

  private async clearAway(): Promise<void> {
    const { remains, logger } = this.parts;
    clearInterval(this.beat);
    await this.sink
      ?.abort()
      .catch((error: unknown) => logger.warn('The remains of an upload could not be removed yet', { error }));
    if (this.key !== undefined) await remains.clear(this.key);
  }
}
