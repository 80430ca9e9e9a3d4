/** Fields of a message: lower-case names, Latin-1 text, a list where a field came more than once. */
export type Fields = Record<string, string | string[]>;

/** An answer that is not plainly well-formed: nobody can tell where it ends, so its connection ends. */
export class AnswerFault extends Error {
  override readonly name = 'AnswerFault';

  constructor(
    readonly code: `HPE_${string}`,
    message: string,
  ) {
    super(message);
  }
}

/** Status line and fields of an answer, and what they say about its end (RFC 9112 sections 4, 5 and 6). */
export interface AnswerHead {
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
  /** `Content-Length`; -1 where there is none. */
  readonly length: number;
  readonly chunked: boolean;
  /** Whether the connection may stay after the answer. */
  readonly persists: boolean;
}

/** Fields of a head, or of a trailer. */
const MAX_FIELDS = 128;
const MAX_KNOWN_NAMES = 512;

/** What RFC 9110 section 5.5 has no place for in a line, and a CR that ends none. The text ends with CRLF. */
const NOT_TEXT = /[^\t\r\n\x20-\x7e\x80-\xff]|\r[^\n]/;
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
const LENGTH = /^\d{1,15}$/;

const CR = 13;
const BLANK = 32;
const TAB = 9;

const PLAIN = 0;
const CONTENT_LENGTH = 1;
const TRANSFER_ENCODING = 2;
const CONNECTION = 3;

interface FieldName {
  readonly name: string;
  readonly kind: number;
}

const KINDS: Readonly<Record<string, number>> = {
  'content-length': CONTENT_LENGTH,
  'transfer-encoding': TRANSFER_ENCODING,
  connection: CONNECTION,
};

/** Has no members of its own, so that a field may have any name; V8 handles it better than `Object.create(null)`. */
const FieldsOf = function FieldsOf() {} as unknown as { new (): Fields; prototype: unknown };
FieldsOf.prototype = Object.create(null) as unknown;

/** Names as they were written, which are few. */
const known = new Map<string, FieldName>();

function fieldName(written: string): FieldName {
  let found = known.get(written);
  if (found !== undefined) return found;
  if (!TOKEN.test(written)) throw new AnswerFault('HPE_INVALID_HEADER_TOKEN', 'A field has no name');
  const name = Buffer.from(written.toLowerCase(), 'latin1').toString('latin1');
  found = { name, kind: Object.hasOwn(KINDS, name) ? (KINDS[name] as number) : PLAIN };
  // A copy: a part of a text would keep all of it.
  if (known.size < MAX_KNOWN_NAMES) known.set(Buffer.from(written, 'latin1').toString('latin1'), found);
  return found;
}

const isBlank = (code: number) => code === BLANK || code === TAB;

function add(fields: Fields, name: string, value: string): void {
  const present = fields[name];
  if (present === undefined) fields[name] = value;
  else if (typeof present === 'string') fields[name] = [present, value];
  else present.push(value);
}

/** What the fields of a head say about framing. */
class Framing {
  length = -1;
  chunked = false;
  closes = false;

  /** @param value as it came, for these have no form but one */
  take(kind: number, value: string): void {
    if (kind === CONTENT_LENGTH) {
      if (this.length >= 0 || !LENGTH.test(value)) {
        throw new AnswerFault('HPE_INVALID_CONTENT_LENGTH', 'The length is none, or not the only one');
      }
      this.length = Number(value);
    } else if (kind === TRANSFER_ENCODING) {
      if (this.chunked || value !== 'chunked') {
        throw new AnswerFault('HPE_INVALID_TRANSFER_ENCODING', 'The transfer coding is not just chunked');
      }
      this.chunked = true;
    } else if (value !== 'keep-alive') {
      for (const option of value.toLowerCase().split(',')) if (option.trim() === 'close') this.closes = true;
    }
  }
}

/**
 * Reads lines of fields from a place in a text, each with its CRLF. One pass over names that are known and values that
 * are cut out of the text: it is done for every answer.
 */
function readLines(text: string, from: number, framing: Framing | undefined): Fields {
  const fields = new FieldsOf();
  const { length } = text;
  let count = 0;
  for (let at = from; at < length; ) {
    const lineEnd = text.indexOf('\n', at);
    const colon = text.indexOf(':', at);
    count += 1;
    if (colon < 0 || colon > lineEnd || text.charCodeAt(lineEnd - 1) !== CR || count > MAX_FIELDS) {
      throw new AnswerFault('HPE_INVALID_HEADER_TOKEN', 'A line is no field, or there are too many');
    }
    const { name, kind } = fieldName(text.slice(at, colon));
    let start = colon + 1;
    let end = lineEnd - 1;
    while (start < end && isBlank(text.charCodeAt(start))) start += 1;
    if (kind !== PLAIN && framing !== undefined) framing.take(kind, text.slice(start, end));
    while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
    add(fields, name, text.slice(start, end));
    at = lineEnd + 1;
  }
  return fields;
}

/** @param text lines of fields with their CRLF, without the empty line @throws AnswerFault */
export function readTrailers(text: string): Fields {
  if (NOT_TEXT.test(text)) throw new AnswerFault('HPE_INVALID_HEADER_TOKEN', 'A trailer holds what no text does');
  return readLines(text, 0, undefined);
}

export const noFields = (): Fields => new FieldsOf();

/** RFC 9112 section 4, in the versions that this client speaks; -1 for anything else. */
function statusOf(text: string): number {
  const minor = text.charCodeAt(7) - 48;
  if (!text.startsWith('HTTP/1.') || minor < 0 || minor > 1 || text.charCodeAt(8) !== BLANK) return -1;
  const [first, second, third] = [text.charCodeAt(9) - 48, text.charCodeAt(10) - 48, text.charCodeAt(11) - 48];
  if (first < 1 || first > 5 || second < 0 || second > 9 || third < 0 || third > 9) return -1;
  return text.charCodeAt(12) === BLANK ? first * 100 + second * 10 + third : -1;
}

/**
 * Reads the head of an answer, more strictly than RFC 9112 asks of a client: our own services are at the other end.
 *
 * @param text status line and fields with their CRLF, without the empty line, a character for each byte
 * @throws AnswerFault
 */
export function readHead(text: string): AnswerHead {
  if (NOT_TEXT.test(text)) throw new AnswerFault('HPE_INVALID_HEADER_TOKEN', 'The head holds what no text does');
  const status = statusOf(text);
  const lineEnd = text.indexOf('\n');
  if (status < 0 || lineEnd < 14 || text.charCodeAt(lineEnd - 1) !== CR) {
    throw new AnswerFault('HPE_INVALID_CONSTANT', 'The answer is not of HTTP/1.1');
  }
  const framing = new Framing();
  const fields = readLines(text, lineEnd + 1, framing);
  const { length, chunked, closes } = framing;
  const isOld = text.charCodeAt(7) === 48;
  // RFC 9112 section 6.1: either may be an attempt at smuggling.
  if (chunked && (length >= 0 || isOld)) {
    throw new AnswerFault('HPE_INVALID_TRANSFER_ENCODING', 'The answer has chunks where it must not');
  }
  return { status, reason: text.slice(13, lineEnd - 1), fields, length, chunked, persists: !closes && !isOld };
}
