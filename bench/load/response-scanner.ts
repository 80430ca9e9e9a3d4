/** A response that breaks HTTP/1.1 framing, or uses a framing that a keep-alive client cannot follow. */
export class FramingError extends Error {}

const LF = 10;
const CR = 13;
const MAX_HEAD_BYTES = 65_536;
const NO_BYTES = Buffer.alloc(0);

const HEAD = 0;
const FIXED_BODY = 1;
const CHUNK_SIZE = 2;
const CHUNK_DATA = 3;
const TRAILER = 4;

/**
 * Finds where one HTTP/1.1 response ends (RFC 9112 section 6), without building headers or a body. It serves a closed
 * loop: one request is in flight per connection, so bytes after the end of the response are an error.
 *
 * Understood: Content-Length, `Transfer-Encoding: chunked` with trailers, 1xx before the final response, 204 and 304.
 * Refused with {@link FramingError}: bodies delimited by the end of the connection, and malformed framing.
 */
export class ResponseScanner {
  /** Status of the response that was completed last. */
  status = 0;
  /** Whether the server announced that it closes the connection after this response. */
  closing = false;
  /** Whether the head contained the expected text; true when none is expected. */
  headMatches = true;

  readonly #expectedHead: string | undefined;
  #state = HEAD;
  #complete = false;
  #partialHead: Buffer = NO_BYTES;
  #remaining = 0;
  #line = '';

  constructor(expectedHead?: string) {
    this.#expectedHead = expectedHead;
  }

  /** Whether bytes of an unfinished response have been seen. */
  get inProgress(): boolean {
    return this.#state !== HEAD || this.#partialHead.length > 0;
  }

  /**
   * Consumes `length` bytes of `chunk` (which the caller may reuse afterwards). Returns true when they complete the
   * response.
   *
   * @throws FramingError when the response cannot be followed; the connection is of no further use
   */
  feed(chunk: Buffer, length: number): boolean {
    let at = 0;
    while (at < length) {
      at = this.#step(chunk, at, length);
      if (this.#complete) return this.#end(at, length);
      if (at < 0) return false;
    }
    return false;
  }

  /** Consumes one head, one stretch of a body or one line; returns the offset behind it, or -1 when its end is missing. */
  #step(chunk: Buffer, from: number, length: number): number {
    if (this.#state === HEAD) {
      const at = this.#readHead(chunk, from, length);
      this.#complete = at >= 0 && this.#state === HEAD && this.status >= 200;
      return at;
    }
    if (this.#state === FIXED_BODY || this.#state === CHUNK_DATA) {
      const taken = Math.min(this.#remaining, length - from);
      this.#remaining -= taken;
      if (this.#remaining === 0) this.#finishStretch();
      return from + taken;
    }
    const at = this.#readLine(chunk, from, length);
    if (at >= 0) this.#complete = this.#finishLine();
    return at;
  }

  #end(at: number, length: number): boolean {
    if (at !== length) throw new FramingError(`${length - at} bytes after the end of a response`);
    this.#state = HEAD;
    this.#complete = false;
    return true;
  }

  #finishStretch(): void {
    if (this.#state === FIXED_BODY) this.#complete = true;
    else this.#state = CHUNK_SIZE;
  }

  /** Returns the offset behind the head, or -1 when the head is not complete yet. */
  #readHead(chunk: Buffer, from: number, length: number): number {
    const earlier = this.#partialHead.length;
    const bytes = earlier === 0 ? chunk : Buffer.concat([this.#partialHead, chunk.subarray(from, length)]);
    const start = earlier === 0 ? from : 0;
    const end = earlier === 0 ? length : bytes.length;
    const headEnd = this.#parseHead(bytes, start, end);
    if (headEnd < 0) {
      if (end - start > MAX_HEAD_BYTES) throw new FramingError('response head over 64 KiB');
      this.#partialHead = earlier === 0 ? Buffer.from(chunk.subarray(from, length)) : bytes;
      return -1;
    }
    this.#partialHead = NO_BYTES;
    return earlier === 0 ? headEnd : from + headEnd - earlier;
  }

  #parseHead(bytes: Buffer, start: number, end: number): number {
    let lineStart = start;
    let contentLength = -1;
    let chunked = false;
    let closing = false;
    for (let at = start; at < end; at += 1) {
      if (bytes[at] !== LF) continue;
      const lineEnd = at > lineStart && bytes[at - 1] === CR ? at - 1 : at;
      if (lineEnd === lineStart) {
        this.#applyHead(bytes, start, at, contentLength, chunked, closing);
        return at + 1;
      }
      const first = (bytes[lineStart] ?? 0) | 0x20;
      if (first === 0x63 || first === 0x74) {
        const line = bytes.toString('latin1', lineStart, lineEnd).toLowerCase();
        if (line.startsWith('content-length:')) contentLength = parseLength(line.slice(15).trim());
        else if (line.startsWith('transfer-encoding:')) chunked = parseCoding(line.slice(18).trim());
        else if (line.startsWith('connection:')) closing = line.slice(11).trim() === 'close';
      }
      lineStart = at + 1;
    }
    return -1;
  }

  #applyHead(bytes: Buffer, start: number, end: number, length: number, chunked: boolean, closing: boolean): void {
    const head = bytes.toString('latin1', start, end);
    if (!head.startsWith('HTTP/1.1 ')) throw new FramingError('not an HTTP/1.1 response');
    this.status = Number(head.slice(9, 12));
    if (!(this.status >= 100 && this.status <= 599)) throw new FramingError('malformed status');
    this.closing = closing;
    this.headMatches = this.#expectedHead === undefined || head.includes(this.#expectedHead);
    if (this.status < 200 || this.status === 204 || this.status === 304) return;
    if (chunked) {
      this.#state = CHUNK_SIZE;
    } else if (length > 0) {
      this.#state = FIXED_BODY;
      this.#remaining = length;
    } else if (length < 0) {
      throw new FramingError('a response without Content-Length or chunked coding');
    }
  }

  /** Collects a short line (chunk size or trailer) into `#line`; -1 when its end has not arrived. */
  #readLine(chunk: Buffer, from: number, length: number): number {
    const newline = chunk.indexOf(LF, from);
    const complete = newline >= 0 && newline < length;
    this.#line += chunk.toString('latin1', from, complete ? newline : length);
    if (this.#line.length > MAX_HEAD_BYTES) throw new FramingError('chunk line over 64 KiB');
    return complete ? newline + 1 : -1;
  }

  /** Acts on the collected line; true when it was the last one of the response. */
  #finishLine(): boolean {
    const line = this.#line.trimEnd();
    this.#line = '';
    if (this.#state === TRAILER) return line === '';
    const match = /^([0-9a-f]{1,8})(?:\s*;.*)?$/i.exec(line);
    if (match?.[1] === undefined) throw new FramingError('malformed chunk size');
    const size = Number.parseInt(match[1], 16);
    if (size === 0) {
      this.#state = TRAILER;
    } else {
      this.#state = CHUNK_DATA;
      // The line break that closes the chunk's data is consumed with them.
      this.#remaining = size + 2;
    }
    return false;
  }
}

function parseLength(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new FramingError('malformed Content-Length');
  return Number(value);
}

function parseCoding(value: string): boolean {
  if (value !== 'chunked') throw new FramingError('a transfer coding other than chunked');
  return true;
}
