import { createHash } from 'node:crypto';
import type { AppError } from '@nexus/kernel';
import { DETECTED_BYTES, detectType } from './media-type.js';

/** The first size that is too much, and what to say then. */
export interface SizeLimit {
  readonly bytes: number;
  readonly error: () => AppError;
}

/** Looks at content as it flows past: size, sha-256 and first bytes. */
export class ContentMeter {
  size = 0;
  private readonly hash = createHash('sha256');
  private head = Buffer.alloc(0);

  constructor(private readonly limits: readonly SizeLimit[]) {}

  /** Lets the content through. @throws AppError as soon as a limit is passed */
  async *through(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      this.size += chunk.length;
      for (const limit of this.limits) if (this.size > limit.bytes) throw limit.error();
      if (this.head.length < DETECTED_BYTES) {
        this.head = Buffer.concat([this.head, chunk.subarray(0, DETECTED_BYTES - this.head.length)]);
      }
      this.hash.update(chunk);
      yield chunk;
    }
  }

  /** What flowed past; call it once, at the end. */
  result(): { readonly size: number; readonly sha256: string; readonly detectedType: string | undefined } {
    return { size: this.size, sha256: this.hash.digest('hex'), detectedType: detectType(this.head) };
  }
}
