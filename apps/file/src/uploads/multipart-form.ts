import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { Dicer } from '@fastify/busboy';
import { errors } from '@nexus/kernel';
import { fileErrors } from '../file.errors.js';
import { ChunkQueue } from './chunk-queue.js';
import { MAX_HEADER_PAIRS, malformed, type RawHeader, readPartHeader } from './part-header.js';

/** What a form may hold besides the file's own bytes. */
export interface FormLimits {
  readonly fields: number;
  /** Bytes of one field's value. */
  readonly fieldBytes: number;
  /** Bytes of one part's header. */
  readonly headerBytes: number;
  /** Bytes of everything that is not the file: headers, fields, preamble, epilogue. */
  readonly overheadBytes: number;
  /** A client that sends nothing for so long is given up, in ms. */
  readonly idleMs: number;
}

/** The part of a form that is the file. */
export interface FilePart {
  /** As the client sent it: possibly with a path, possibly empty. */
  readonly filename: string | undefined;
  /** By lower-case name; the first of each. */
  readonly headers: ReadonlyMap<string, string>;
  /** To be read once. Its chunks belong to the reader. */
  readonly content: AsyncIterable<Buffer>;
}

/** What a reader of forms is told. */
export interface FormHandler {
  /**
   * The file has begun; `fields` are those before it. Reads `content` to its end and returns `more`, or returns
   * `enough` when nothing else of the request matters. Throwing ends the reading.
   */
  file(part: FilePart, fields: ReadonlyMap<string, string>): Promise<'more' | 'enough'>;
  /** Every byte of the body as it came. */
  bytes?(chunk: Buffer): void;
  /** When it is aborted, the reading ends with its reason. */
  readonly signal?: AbortSignal;
}

/** What the form held besides the file. */
export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly hasFile: boolean;
}

const FILE_FIELD = 'file';
/** RFC 2046 §5.1.1. */
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;
/** Content that waits for its taker: over the one nothing is read, under the other it goes on. */
const FULL_BYTES = 256 * 1024;
const ROOM_BYTES = 64 * 1024;
/** The parser can hold back by itself, but then it forgets to go on at times; it never does with this much room. */
const NEVER_FULL = 2 ** 30;

/**
 * Reads `multipart/form-data` (RFC 7578) with one part named `file` from a stream as it comes, in constant memory:
 * nothing is read from the source while the file's content is not taken.
 */
class FormReader {
  private readonly dicer: Dicer;
  private readonly fields = new Map<string, string>();
  private readonly fieldWork: Promise<void>[] = [];
  private readonly failed = Promise.withResolvers<never>();
  private readonly closed = Promise.withResolvers<void>();
  private readonly ended = Promise.withResolvers<void>();
  private readonly stopped = Promise.withResolvers<void>();
  private readonly idle: NodeJS.Timeout;
  private readonly content = new ChunkQueue(() => this.onTaken());
  private file: Readable | undefined;
  private fileWork: Promise<unknown> | undefined;
  private fileBytes = 0;
  private received = 0;
  private parts = 0;
  private headerPending = false;
  /** Nothing is read because nobody takes the content. */
  private waiting = false;
  private formClosed = false;
  private over = false;

  constructor(
    private readonly source: Readable,
    boundary: string,
    private readonly limits: FormLimits,
    private readonly handler: FormHandler,
  ) {
    if (!BOUNDARY.test(boundary)) throw malformed('The boundary is missing or not valid.');
    const maxHeaderSize = limits.headerBytes + 1;
    const config = { boundary, maxHeaderPairs: MAX_HEADER_PAIRS, maxHeaderSize, partHwm: NEVER_FULL };
    this.dicer = new Dicer(config);
    this.dicer.on('part', (part) => this.guard(() => this.onPart(part)));
    this.dicer.on('finish', () => this.guard(() => this.onClosed()));
    this.dicer.on('error', () => this.fail(malformed()));
    this.failed.promise.catch(() => undefined);
    this.idle = setTimeout(() => this.onIdle(), limits.idleMs);
  }

  async read(): Promise<Form> {
    const { source, handler } = this;
    const onAbort = () => this.fail(handler.signal?.reason);
    handler.signal?.addEventListener('abort', onAbort);
    source.on('data', this.onData);
    source.once('end', this.onEnd);
    source.once('close', this.onGone);
    // Stays: a source that breaks later must not crash the process.
    source.on('error', this.onGone);
    if (source.destroyed || source.readableEnded) this.onGone();
    try {
      const read = Promise.all([this.closed.promise, this.ended.promise]).then(() =>
        Promise.all([...this.fieldWork, this.fileWork]),
      );
      await Promise.race([this.failed.promise, this.stopped.promise, read]);
      return { fields: this.fields, hasFile: this.file !== undefined };
    } finally {
      this.over = true;
      clearTimeout(this.idle);
      handler.signal?.removeEventListener('abort', onAbort);
      source.off('data', this.onData);
      source.off('end', this.onEnd);
      source.off('close', this.onGone);
      source.pause();
      // The one who takes the file lets go of it before anybody hears of the end.
      await this.fileWork?.catch(() => undefined);
    }
  }

  private fail(error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.failed.reject(error);
    this.content.fail(error);
  }

  private guard(work: () => void): void {
    if (this.over) return;
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  private readonly onData = (chunk: Buffer): void => {
    this.idle.refresh();
    this.received += chunk.length;
    this.guard(() => {
      this.handler.bytes?.(chunk);
      // Parsed when this returns. What follows the form is dropped.
      if (!this.formClosed) this.dicer.write(chunk);
      const onItsWay = this.file?.readableLength ?? 0;
      const overhead = this.received - this.fileBytes - onItsWay;
      if (overhead > this.limits.overheadBytes) throw malformed('The form holds too much besides the file.');
      if (this.content.bytes + onItsWay > FULL_BYTES) {
        this.waiting = true;
        this.source.pause();
      }
    });
  };

  private onTaken(): void {
    if (!this.waiting || this.over || this.content.bytes > ROOM_BYTES) return;
    this.waiting = false;
    this.idle.refresh();
    this.source.resume();
  }

  /** Only the client is hurried: while the content is not taken, the wait is ours. */
  private onIdle(): void {
    if (this.waiting) this.idle.refresh();
    else this.fail(errors.request_timeout());
  }

  private readonly onEnd = (): void => {
    this.source.off('close', this.onGone);
    clearTimeout(this.idle);
    this.ended.resolve();
    // Reports a missing end of the form as an error.
    if (!this.formClosed) this.guard(() => this.dicer.end());
  };

  private readonly onGone = (): void => {
    this.fail(fileErrors.upload_incomplete());
  };

  /** The closing delimiter was read. */
  private onClosed(): void {
    if (this.headerPending) throw malformed('A part has no complete header.');
    this.formClosed = true;
    this.closed.resolve();
  }

  private onPart(part: Dicer.PartStream): void {
    part.on('error', () => undefined);
    if (this.headerPending) throw malformed('A part has no complete header.');
    if (++this.parts > this.limits.fields + 1) throw malformed('The form has too many parts.');
    this.headerPending = true;
    part.on('header', (header) =>
      this.guard(() => {
        this.headerPending = false;
        const { name, filename, headers } = readPartHeader(header as RawHeader, this.limits.headerBytes);
        if (name === FILE_FIELD) this.takeFile(part, { filename, headers, content: this.content });
        else if (filename !== undefined) throw malformed(`The file must be the part named ${FILE_FIELD}.`);
        else this.fieldWork.push(this.takeField(part, name));
      }),
    );
  }

  private takeFile(part: Readable, file: FilePart): void {
    if (this.file) throw malformed('The form has more than one file.');
    this.file = part;
    part.on('data', (chunk: Buffer) => {
      this.fileBytes += chunk.length;
      this.content.push(chunk);
    });
    part.on('end', () => this.content.end());
    // Those before it in the form, not those that happened to be read by now: the answer must not hang on chunks.
    const names = [...this.fields.keys()];
    this.fileWork = Promise.all(this.fieldWork)
      .then(() => {
        if (this.over) throw fileErrors.upload_incomplete();
        return this.handler.file(file, new Map(names.map((name) => [name, this.fields.get(name) ?? ''])));
      })
      .then((wish) => {
        this.content.drop();
        if (wish === 'enough') this.stopped.resolve();
      });
    this.fileWork.catch((error: unknown) => this.fail(error));
  }

  private takeField(part: Readable, name: string): Promise<void> {
    if (this.fields.has(name)) throw malformed('The form has a field twice.');
    this.fields.set(name, '');
    const chunks: Buffer[] = [];
    let size = 0;
    const work = new Promise<void>((resolve, reject) => {
      part.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > this.limits.fieldBytes) reject(malformed('A field of the form is too long.'));
        else chunks.push(chunk);
      });
      part.on('end', () => {
        const value = Buffer.concat(chunks);
        if (!isUtf8(value)) reject(errors.invalid_encoding());
        this.fields.set(name, value.toString('utf8'));
        resolve();
      });
    });
    work.catch((error: unknown) => this.fail(error));
    return work;
  }
}

/**
 * Reads a form from a request's body. However it ends, the source is left paused and not destroyed, so that an answer
 * can still be given.
 *
 * @throws AppError `malformed_multipart`, `upload_incomplete` (the client is gone), `request_timeout`,
 *   `invalid_encoding`, or what the handler threw
 */
export async function readForm(
  source: Readable,
  boundary: string,
  limits: FormLimits,
  handler: FormHandler,
): Promise<Form> {
  return new FormReader(source, boundary, limits, handler).read();
}
