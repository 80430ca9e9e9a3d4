/** How the end of a message's body is found (RFC 9112 §6.3). */
export type Framing = 'none' | 'length' | 'chunked' | 'close';

/** One field line, the name as it was sent. */
export type Field = readonly [name: string, value: string];

/** An HTTP/1.1 message as it stood on the wire. */
export interface WireMessage {
  /** Request line or status line. */
  readonly start: string;
  readonly fields: readonly Field[];
  readonly framing: Framing;
  /** Without the chunks. */
  readonly body: Buffer;
  readonly trailers: readonly Field[];
}

/** What is no message by the letter of RFC 9112. */
export class WireFault extends Error {
  override readonly name = 'WireFault';
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible characters, blanks, tabs and obs-text (RFC 9110 §5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function fieldLine(line: string): Field {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(0, colon));
  const value = line.slice(colon + 1);
  if (!TOKEN.test(name) || !VALUE.test(value)) throw new WireFault(`no field line: ${JSON.stringify(line)}`);
  return [name, value.replace(/^[ \t]+|[ \t]+$/g, '')];
}

/** Start line and fields of a head, without the empty line. @throws WireFault */
export function readHead(head: string): { readonly start: string; readonly fields: Field[] } {
  const [start = '', ...lines] = head.split('\r\n');
  return { start, fields: lines.map(fieldLine) };
}

/** Values of a field, in order. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
}

/** What the fields alone say about the length of a body. @throws WireFault where they contradict each other */
export function declaredFraming(fields: readonly Field[]): { readonly framing: Framing; readonly length: number } {
  const codings = valuesOf(fields, 'transfer-encoding');
  const lengths = valuesOf(fields, 'content-length');
  if (codings.length + lengths.length > 1) throw new WireFault('two framings');
  if (codings.length === 1) {
    if (codings[0] !== 'chunked') throw new WireFault(`transfer-encoding ${codings[0]}`);
    return { framing: 'chunked', length: 0 };
  }
  if (lengths.length === 0) return { framing: 'none', length: 0 };
  if (!/^\d+$/.test(lengths[0] as string)) throw new WireFault(`content-length ${lengths[0]}`);
  return { framing: 'length', length: Number(lengths[0]) };
}

interface Chunks {
  readonly body: Buffer;
  readonly trailers: Field[];
  readonly end: number;
}

function readChunks(bytes: Buffer, from: number): Chunks | undefined {
  const parts: Buffer[] = [];
  let at = from;
  for (;;) {
    const eol = bytes.indexOf('\r\n', at, 'latin1');
    if (eol < 0) return undefined;
    const size = bytes.toString('latin1', at, eol);
    if (!/^[0-9a-fA-F]+$/.test(size)) throw new WireFault(`chunk size ${JSON.stringify(size)}`);
    const length = Number.parseInt(size, 16);
    at = eol + 2;
    if (length === 0) break;
    if (bytes.length < at + length + 2) return undefined;
    if (bytes.toString('latin1', at + length, at + length + 2) !== '\r\n') throw new WireFault('chunk without an end');
    parts.push(bytes.subarray(at, at + length));
    at += length + 2;
  }
  const trailers: Field[] = [];
  for (;;) {
    const eol = bytes.indexOf('\r\n', at, 'latin1');
    if (eol < 0) return undefined;
    const line = bytes.toString('latin1', at, eol);
    at = eol + 2;
    if (line === '') return { body: Buffer.concat(parts), trailers, end: at };
    trailers.push(fieldLine(line));
  }
}

/**
 * Takes the first whole message off the front of `bytes`.
 * @param framingOf what to make of the head; `undefined` for what the fields say
 * @param ended no more bytes will come: a body may end by that
 * @returns undefined as long as it is not whole
 * @throws WireFault
 */
export function takeMessage(
  bytes: Buffer,
  ended: boolean,
  framingOf?: (start: string, fields: readonly Field[]) => Framing | undefined,
): { readonly message: WireMessage; readonly rest: Buffer } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  if (headEnd < 0) return undefined;
  const { start, fields } = readHead(bytes.toString('latin1', 0, headEnd));
  const from = headEnd + 4;
  const declared = declaredFraming(fields);
  const framing = framingOf?.(start, fields) ?? declared.framing;
  const done = (body: Buffer, trailers: Field[], end: number) => ({
    message: { start, fields, framing, body, trailers },
    rest: bytes.subarray(end),
  });
  if (framing === 'none') return done(Buffer.alloc(0), [], from);
  if (framing === 'close') return ended ? done(bytes.subarray(from), [], bytes.length) : undefined;
  if (framing === 'chunked') {
    const chunks = readChunks(bytes, from);
    return chunks && done(chunks.body, chunks.trailers, chunks.end);
  }
  const end = from + declared.length;
  return bytes.length < end ? undefined : done(bytes.subarray(from, end), [], end);
}
