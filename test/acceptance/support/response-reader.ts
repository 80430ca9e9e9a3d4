import { Reply } from './reply.js';

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');

/** Takes HTTP/1.1 answers off a stream of bytes (RFC 9112 §6). What is no answer is an error. */
export class ResponseReader {
  private rest: Buffer = Buffer.alloc(0);
  private ended = false;

  /** @param asked the request, for messages */
  constructor(
    private readonly asked: string,
    private readonly isHead = false,
  ) {}

  push(chunk: Buffer): void {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
  }

  /** The connection is closed: a body without a length ends here. */
  end(): void {
    this.ended = true;
  }

  /** Bytes that belong to no answer yet. */
  get pending(): Buffer {
    return this.rest;
  }

  /** The next whole answer, or undefined while it is not here. Interim answers (1xx) are answers, too. */
  next(): Reply | undefined {
    const headEnd = this.rest.indexOf(HEAD_END);
    if (headEnd < 0) return undefined;
    const [statusLine = '', ...lines] = this.rest.toString('latin1', 0, headEnd).split('\r\n');
    const match = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine);
    if (!match) throw new Error(`${this.asked}: no HTTP answer: ${JSON.stringify(statusLine.slice(0, 200))}`);
    const headers = new Headers();
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon < 1) throw new Error(`${this.asked}: no header: ${JSON.stringify(line)}`);
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    const status = Number(match[1]);
    const taken = this.body(headEnd + HEAD_END.length, status, headers);
    if (!taken) return undefined;
    this.rest = this.rest.subarray(taken.end);
    return new Reply(this.asked, status, headers, taken.body);
  }

  private body(from: number, status: number, headers: Headers): { body: Buffer; end: number } | undefined {
    if (this.isHead || status < 200 || status === 204 || status === 304) return { body: Buffer.alloc(0), end: from };
    if (headers.get('transfer-encoding') === 'chunked') return this.chunks(from);
    const length = headers.get('content-length');
    if (length !== null) {
      const end = from + Number(length);
      return this.rest.length < end ? undefined : { body: this.rest.subarray(from, end), end };
    }
    return this.ended ? { body: this.rest.subarray(from), end: this.rest.length } : undefined;
  }

  private chunks(from: number): { body: Buffer; end: number } | undefined {
    const parts: Buffer[] = [];
    for (let at = from; ; ) {
      const lineEnd = this.rest.indexOf(LINE_END, at);
      if (lineEnd < 0) return undefined;
      const size = Number.parseInt(this.rest.toString('latin1', at, lineEnd), 16);
      const start = lineEnd + LINE_END.length;
      const end = start + size + LINE_END.length;
      if (this.rest.length < end) return undefined;
      if (size === 0) return { body: Buffer.concat(parts), end };
      parts.push(this.rest.subarray(start, start + size));
      at = end;
    }
  }
}
