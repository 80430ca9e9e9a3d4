import { AnswerFault, type AnswerHead, type Fields, noFields, readHead, readTrailers } from './answer-head.js';

/** Whom the parser tells. What `data` gets is only there until it returns. */
export interface AnswerSink {
  /** An interim head (1xx), any number of them, or the head of the answer. */
  onHead(head: AnswerHead): void;
  onData(bytes: Buffer, start: number, end: number): void;
  onEnd(trailers: Fields): void;
}

/** Bytes of a head, or of a trailer, with the empty line. */
const MAX_BLOCK_BYTES = 16 * 1024;
/** Of one answer; a chunk extension means nothing to anybody (RFC 9112 section 7.1.1). */
const MAX_EXTENSION_BYTES = 4 * 1024;
/** Digits of a chunk's size, zeros in front included: no more than a double counts without a gap. */
const MAX_SIZE_DIGITS = 13;
const MAX_INTERIM = 64;

const EMPTY_LINE = Buffer.from('\r\n\r\n');
const STATUS_LINE = 'HTTP/1.';
const NOT_LINES = /[^\t\r\n\x20-\x7e\x80-\xff]|\r[^\n]|[^\r]\n/;

const CR = 13;
const LF = 10;
const TAB = 9;
const SEMICOLON = 59;

/** Nothing is expected: what comes is nobody's. */
const IDLE = 0;
const HEAD = 1;
const LENGTH = 2;
const UNTIL_END = 3;
const SIZE = 4;
const EXTENSION = 5;
const SIZE_LF = 6;
const CHUNK = 7;
const CHUNK_CR = 8;
const CHUNK_LF = 9;
const TRAILER_START = 10;
const TRAILER_LF = 11;
const TRAILER = 12;
/** All has been read, and has yet to be told. */
const WHOLE = 13;

/** -1 for what is no digit. */
function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

const badChunk = (message: string) => new AnswerFault('HPE_INVALID_CHUNK_SIZE', message);

/**
 * Reads the answers of one connection, however their bytes are split (RFC 9112). Strict: what is not plainly well-formed
 * is an {@link AnswerFault}, after which nothing more can be read.
 */
export class AnswerParser {
  /** Whoever is told may stop it here; nothing is read or told until this is false again. */
  halted = false;
  /** Whether the connection may be used for another request, once the answer is whole. */
  reusable = false;
  #state = IDLE;
  #toHead = false;
  #interim = 0;
  /** Bytes that are still to come of a body or a chunk. */
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailers: Fields | undefined;
  /** The beginning of a head or trailer whose end has not come yet. */
  #block: Buffer | undefined;
  #blockBytes = 0;
  #blockText: string | undefined;

  constructor(private readonly sink: AnswerSink) {}

  /** An answer is expected. @param toHead whether the request was HEAD, whose answer has no body */
  begin(toHead: boolean): void {
    this.#state = HEAD;
    this.#toHead = toHead;
    this.#interim = 0;
    this.#extensionBytes = 0;
    this.halted = false;
    this.reusable = false;
  }

  /** Whether an answer is still expected, or to be told. */
  get isExpecting(): boolean {
    return this.#state !== IDLE;
  }

  /**
   * Reads on. @returns up to where: before `end` when it was halted, or the answer is whole before
   * @throws AnswerFault
   */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (!this.halted) {
      if (this.#state === WHOLE) {
        this.#tellEnd();
        return at;
      }
      if (at === end || this.#state === IDLE) return at;
      at = this.#step(bytes, at, end);
    }
    return at;
  }

  /** The connection has ended. @returns whether that made the answer whole */
  finish(): boolean {
    if (this.#state !== UNTIL_END || this.halted) return false;
    this.#tellEnd();
    return true;
  }

  #tellEnd(): void {
    const trailers = this.#trailers ?? noFields();
    this.#trailers = undefined;
    this.#state = IDLE;
    this.sink.onEnd(trailers);
  }

  #step(bytes: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case HEAD: {
        const next = this.#readBlock(bytes, at, end);
        if (this.#blockText !== undefined) this.#takeHead(this.#blockText);
        return next;
      }
      case LENGTH:
        return this.#readData(bytes, at, end, WHOLE);
      case UNTIL_END:
        this.sink.onData(bytes, at, end);
        return end;
      case CHUNK:
        return this.#readData(bytes, at, end, CHUNK_CR);
      case TRAILER: {
        const next = this.#readBlock(bytes, at, end);
        if (this.#blockText !== undefined) {
          this.#trailers = readTrailers(this.#blockText);
          this.#state = WHOLE;
        }
        return next;
      }
      default:
        return this.#readByte(bytes[at] as number) ? at + 1 : at;
    }
  }

  #readData(bytes: Buffer, at: number, end: number, next: number): number {
    const until = Math.min(end, at + this.#left);
    this.#left -= until - at;
    if (this.#left === 0) this.#state = next;
    this.sink.onData(bytes, at, until);
    return until;
  }

  /** A byte of the lines between chunks. @returns whether it was taken, or is the first one of what follows */
  #readByte(byte: number): boolean {
    switch (this.#state) {
      case SIZE:
        this.#readSize(byte);
        return true;
      case EXTENSION:
        this.#readExtension(byte);
        return true;
      case SIZE_LF:
        if (byte !== LF) throw badChunk('The size of a chunk has no end');
        this.#state = this.#left > 0 ? CHUNK : TRAILER_START;
        return true;
      case CHUNK_CR:
      case CHUNK_LF: {
        const isCr = this.#state === CHUNK_CR;
        if (byte !== (isCr ? CR : LF)) throw badChunk('A chunk is longer than its size');
        this.#state = isCr ? CHUNK_LF : SIZE;
        this.#digits = 0;
        return true;
      }
      case TRAILER_START:
        if (byte === LF) throw badChunk('The end of the chunks is none');
        this.#state = byte === CR ? TRAILER_LF : TRAILER;
        return byte === CR;
      default:
        if (byte !== LF) throw badChunk('The end of the chunks is none');
        this.#state = WHOLE;
        return true;
    }
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#left = this.#digits === 0 ? digit : this.#left * 16 + digit;
      this.#digits += 1;
      if (this.#digits > MAX_SIZE_DIGITS) throw badChunk('A chunk is too large');
    } else if (this.#digits > 0 && byte === CR) this.#state = SIZE_LF;
    else if (this.#digits > 0 && byte === SEMICOLON) this.#state = EXTENSION;
    else throw badChunk('The size of a chunk is none');
  }

  #readExtension(byte: number): void {
    this.#extensionBytes += 1;
    if (byte === CR) this.#state = SIZE_LF;
    else if ((byte < 32 && byte !== TAB) || byte === 127) throw badChunk('A chunk extension is no text');
    else if (this.#extensionBytes > MAX_EXTENSION_BYTES) throw badChunk('The chunk extensions are too long');
  }

  /** Leaves in `#blockText` the lines up to an empty one, if that has come. */
  #readBlock(bytes: Buffer, at: number, end: number): number {
    this.#blockText = undefined;
    if (this.#blockBytes === 0) {
      const found = bytes.indexOf(EMPTY_LINE, at);
      // Beyond `end` there may be bytes of before.
      if (found >= 0 && found + 4 <= end) {
        if (found + 4 - at > MAX_BLOCK_BYTES) throw this.#overflow();
        this.#blockText = bytes.toString('latin1', at, found + 2);
        return found + 4;
      }
    }
    return this.#keepBlock(bytes, at, end);
  }

  #keepBlock(bytes: Buffer, at: number, end: number): number {
    this.#block ??= Buffer.allocUnsafeSlow(MAX_BLOCK_BYTES);
    const block = this.#block;
    const before = this.#blockBytes;
    const kept = before + bytes.copy(block, before, at, Math.min(end, at + MAX_BLOCK_BYTES - before));
    const found = block.indexOf(EMPTY_LINE, Math.max(0, before - 3));
    if (found >= 0 && found + 4 <= kept) {
      this.#blockText = block.toString('latin1', 0, found + 2);
      this.#block = undefined;
      this.#blockBytes = 0;
      return at + found + 4 - before;
    }
    if (kept === MAX_BLOCK_BYTES) throw this.#overflow();
    this.#blockBytes = kept;
    this.#refuseEarly(block, before, kept);
    return end;
  }

  /** What can never become a head is not waited for to its end. */
  #refuseEarly(block: Buffer, before: number, kept: number): void {
    const isHead = this.#state === HEAD;
    const start = block.toString('latin1', 0, Math.min(kept, STATUS_LINE.length));
    const lines = block.toString('latin1', Math.max(0, before - 1), kept);
    if ((isHead && !STATUS_LINE.startsWith(start)) || NOT_LINES.test(lines)) {
      throw new AnswerFault('HPE_INVALID_CONSTANT', 'What comes is not of HTTP/1.1');
    }
  }

  #overflow(): AnswerFault {
    return new AnswerFault('HPE_HEADER_OVERFLOW', 'The head or trailer is too large');
  }

  #takeHead(text: string): void {
    const head = readHead(text);
    const { status, length, chunked } = head;
    if (status < 200) {
      this.#interim += 1;
      // Nothing is upgraded here, and an interim answer has no body (RFC 9112 section 6.3).
      if (status === 101 || chunked || length >= 0 || this.#interim > MAX_INTERIM) {
        throw new AnswerFault('HPE_INVALID_STATUS', 'An interim answer is none');
      }
      this.sink.onHead(head);
      return;
    }
    const isBodiless = this.#toHead || status === 204 || status === 304;
    // What says that it has content although it must not may be followed by it.
    const isOdd = !this.#toHead && isBodiless && (chunked || length > 0);
    this.reusable = head.persists && !isOdd && (isBodiless || chunked || length >= 0);
    this.#digits = 0;
    this.#left = length;
    if (isBodiless || length === 0) this.#state = WHOLE;
    else if (chunked) this.#state = SIZE;
    else this.#state = length > 0 ? LENGTH : UNTIL_END;
    this.sink.onHead(head);
  }
}
