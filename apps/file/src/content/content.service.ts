import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { commonHeaders, type Exchange, writeAnswer } from '@nexus/http';
import { type CallContext, errors } from '@nexus/kernel';
import { fileErrors } from '../file.errors.js';
import type { FileRow } from '../files/files.repository.js';
import { FilesService } from '../files/files.service.js';
import { ObjectStore } from '../storage/object-store.port.js';
import { writeSpending } from '../storage/spent-chunks.js';
import { type ByteRange, parseRange } from './byte-range.js';
import { type ByteRangesBody, contentHeaders, layOutRanges, validatorHeaders, validatorsOf } from './content-answer.js';
import { evaluatePreconditions, rangeApplies } from './preconditions.js';

/** What of the content is sent, and how. */
interface Delivery {
  readonly status: 200 | 206;
  readonly length: number;
  readonly contentType: string;
  readonly contentRange?: string;
  readonly body: () => Promise<Readable>;
}

const GONE = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ECONNRESET', 'EPIPE']);

/** The client went away, or the answer was cut off: nobody is left to be told. */
function isGone(error: unknown, exchange: Exchange): boolean {
  return exchange.response.destroyed && GONE.has((error as NodeJS.ErrnoException | null)?.code ?? '');
}

/** Sends the content of files. */
@Injectable()
export class ContentService {
  constructor(
    private readonly files: FilesService,
    private readonly store: ObjectStore,
  ) {}

  /**
   * Answers a GET or HEAD for a file's content.
   * @param takeOver called once before the first byte: from then on the answer is this method's
   * @throws AppError `file_not_found`, `stale_version`, `range_not_satisfiable`
   */
  async send(ctx: CallContext, id: string, exchange: Exchange, takeOver: () => void): Promise<void> {
    const file = await this.files.readable(ctx, id);
    // What is in the trash is known, but gone.
    if (file.status === 'trashed') throw fileErrors.file_not_found();
    const { headers, method } = exchange.request;
    const verdict = evaluatePreconditions(headers, validatorsOf(file));
    if (verdict === 'failed') throw errors.stale_version();
    if (verdict === 'not_modified') {
      takeOver();
      writeAnswer(exchange, 304, undefined, validatorHeaders(file));
      return;
    }
    // Only GET knows ranges (RFC 9110 §14.2).
    const wanted =
      method === 'GET' && rangeApplies(headers['if-range'] as string | undefined, validatorsOf(file))
        ? headers.range
        : undefined;
    const delivery = this.deliver(file, wanted);
    const body = method === 'HEAD' ? undefined : await delivery.body();
    if (exchange.response.destroyed) {
      body?.destroy();
      return;
    }
    takeOver();
    exchange.response.writeHead(delivery.status, this.headers(exchange, file, delivery));
    if (!body) {
      exchange.response.end();
      return;
    }
    try {
      await writeSpending(body as AsyncIterable<Buffer>, exchange.response);
    } catch (error) {
      if (!isGone(error, exchange)) throw error;
    }
  }

  private headers(exchange: Exchange, file: FileRow, delivery: Delivery): string[] {
    const own = contentHeaders(file);
    own.push('Content-Type', delivery.contentType, 'Content-Length', String(delivery.length));
    if (delivery.contentRange !== undefined) own.push('Content-Range', delivery.contentRange);
    const names = new Set(own.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
    const all = commonHeaders(exchange);
    const others: string[] = [];
    for (let i = 0; i < all.length; i += 2) {
      if (!names.has((all[i] as string).toLowerCase())) others.push(all[i] as string, all[i + 1] as string);
    }
    return [...others, ...own];
  }

  private deliver(file: FileRow, range: string | undefined): Delivery {
    const size = Number(file.size);
    const ranges = parseRange(range, size);
    if (ranges === 'unsatisfiable') {
      throw fileErrors.range_not_satisfiable({
        headers: { 'content-range': `bytes */${size}`, 'accept-ranges': 'bytes' },
      });
    }
    const contentType = file.content_type;
    if (ranges === 'whole') {
      return { status: 200, length: size, contentType, body: () => this.open(file, undefined) };
    }
    const [only] = ranges;
    if (ranges.length === 1 && only) {
      const length = only.end - only.start + 1;
      const contentRange = `bytes ${only.start}-${only.end}/${size}`;
      return { status: 206, length, contentType, contentRange, body: () => this.open(file, only) };
    }
    const laidOut = layOutRanges(contentType, size, ranges);
    return {
      status: 206,
      length: laidOut.length,
      contentType: laidOut.contentType,
      body: async () => {
        await this.assertWhole(file);
        return Readable.from(this.inParts(file, laidOut), { objectMode: false });
      },
    };
  }

  private async open(file: FileRow, range: ByteRange | undefined): Promise<Readable> {
    await this.assertWhole(file);
    return this.store.open(file.object_key, range);
  }

  private async *inParts(file: FileRow, body: ByteRangesBody): AsyncGenerator<Buffer> {
    for (const { head, range } of body.parts) {
      yield Buffer.from(head, 'latin1');
      yield* (await this.store.open(file.object_key, range)) as AsyncIterable<Buffer>;
    }
    yield Buffer.from(body.tail, 'latin1');
  }

  /** A length is promised before the first byte: an object of another size must not be begun. */
  private async assertWhole(file: FileRow): Promise<void> {
    const found = await this.store.stat(file.object_key);
    if (found?.size !== Number(file.size)) {
      throw new Error(`The object ${file.object_key} is ${found ? 'not as long as its file' : 'missing'}`);
    }
  }
}
