import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AnswerFault, type AnswerHead, type Fields } from './answer-head.js';
import { AnswerParser } from './answer-parser.js';

interface Told {
  readonly heads: { status: number; reason: string; fields: Record<string, string | string[]> }[];
  body: string;
  trailers: Record<string, string | string[]> | undefined;
  reusable: boolean;
  /** Bytes that were nobody's. */
  rest: number;
  fault: string | undefined;
}

const plain = (fields: Fields) => Object.fromEntries(Object.entries(fields));

/** Reads an answer as it comes in pieces, each from the same place, which is overwritten by the next. */
function parse(text: string, { cuts = [] as number[], toHead = false, ended = false, halting = false } = {}): Told {
  const told: Told = { heads: [], body: '', trailers: undefined, reusable: false, rest: 0, fault: undefined };
  const halt = () => {
    if (halting) parser.halted = true;
  };
  const parser: AnswerParser = new AnswerParser({
    onHead: ({ status, reason, fields }: AnswerHead) => {
      told.heads.push({ status, reason, fields: plain(fields) });
      halt();
    },
    onData: (bytes, start, end) => {
      told.body += bytes.toString('latin1', start, end);
      halt();
    },
    onEnd: (trailers) => {
      told.trailers = plain(trailers);
    },
  });
  const all = Buffer.from(text, 'latin1');
  const place = Buffer.alloc(all.length + 50, '\r\n\r\n');
  const ends = [...new Set(cuts.map((cut) => cut % (all.length + 1)))].sort((a, b) => a - b);
  parser.begin(toHead);
  try {
    let from = 0;
    for (const end of [...ends, all.length]) {
      const offset = from % 50;
      all.copy(place, offset, from, end);
      let at = offset;
      const until = offset + end - from;
      do {
        parser.halted = false;
        at = parser.read(place, at, until);
      } while (parser.halted);
      told.rest += until - at;
      from = end;
    }
    if (ended) parser.finish();
  } catch (error) {
    if (!(error instanceof AnswerFault)) throw error;
    told.fault = error.code;
  }
  told.reusable = parser.reusable;
  return told;
}

/** Status and body, or the fault, or that more is to come. */
function outcome(text: string, options: Parameters<typeof parse>[1] = {}): string {
  const told = parse(text, options);
  if (told.fault !== undefined) return told.fault;
  if (told.trailers === undefined) return 'unfinished';
  return `${told.heads.map(({ status }) => status).join(' ')} ${told.body}${told.reusable ? '' : ' !'}`;
}

const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const ok = (...lines: string[]) => head('HTTP/1.1 200 OK', ...lines);
const chunked = ok('Transfer-Encoding: chunked');

describe('an answer is read to its end, which is', () => {
  test.each([
    ['its length', `${ok('content-length: 2')}ok`, '200 ok'],
    ['nothing', ok('Content-Length: 0'), '200 '],
    ['its last chunk', `${chunked}2\r\nok\r\n00A\r\n0123456789\r\n0\r\n\r\n`, '200 ok0123456789'],
    ['its trailer', `${chunked}0\r\nx-a: 1\r\n\r\n`, '200 '],
    ['its head, where it has no body', head('HTTP/1.1 204 No Content'), '204 '],
    ['its head, where nothing has changed', head('HTTP/1.1 304 ', 'content-length: 7'), '304  !'],
    ['behind interim answers', head('HTTP/1.1 103 Early', 'link: <a>') + ok('content-length: 0'), '103 200 '],
    ['where the connection ends', `${ok('connection: Upgrade, Close', 'content-length: 1')}a`, '200 a !'],
    ['of HTTP/1.0', head('HTTP/1.0 200 OK', 'connection: keep-alive', 'content-length: 0'), '200  !'],
    ['more than the head of one without a body', head('HTTP/1.1 204 No', 'transfer-encoding: chunked'), '204  !'],
  ])('%s', (_what, text, expected) => {
    expect(outcome(text)).toBe(expected);
  });

  test('its head for HEAD', () => {
    expect(outcome(ok('content-length: 5'), { toHead: true })).toBe('200 ');
    expect(outcome(chunked, { toHead: true })).toBe('200 ');
    expect(outcome(ok(), { toHead: true })).toBe('200 ');
  });

  test('the end of the connection, where it says nothing else', () => {
    expect(outcome(`${ok()}abc`)).toBe('unfinished');
    expect(outcome(`${ok()}abc`, { ended: true })).toBe('200 abc !');
  });

  test('not the end of the connection, where it says something else', () => {
    expect(outcome(`${ok('content-length: 5')}abc`, { ended: true })).toBe('unfinished');
    expect(outcome(`${chunked}5\r\nabc`, { ended: true })).toBe('unfinished');
    expect(outcome(`${chunked}0\r\n`, { ended: true })).toBe('unfinished');
    expect(outcome('HTTP/1.1 200 O', { ended: true })).toBe('unfinished');
  });

  test('before what follows, which is nobody’s', () => {
    expect(parse(`${ok('content-length: 2')}okHTTP/1.1 200 OK`)).toMatchObject({ body: 'ok', rest: 15 });
    expect(parse(`${chunked}0\r\n\r\nx`)).toMatchObject({ body: '', rest: 1 });
  });
});

describe('an answer is refused', () => {
  const many = Array.from({ length: 129 }, (_, n) => `x-${n}: 1`);
  test.each([
    ['two lengths', ok('content-length: 1', 'content-length: 2')],
    ['one length twice', ok('content-length: 1', 'Content-Length: 1')],
    ['a list of lengths', ok('content-length: 1, 1')],
    ['a length with a sign', ok('content-length: +1')],
    ['a length with a blank behind', ok('content-length: 1 ')],
    ['no length', ok('content-length:')],
    ['an endless length', ok('content-length: 9999999999999999')],
    ['length and chunks', ok('content-length: 1', 'transfer-encoding: chunked')],
    ['chunks and length', ok('transfer-encoding: chunked', 'content-length: 1')],
    ['another coding', ok('transfer-encoding: gzip, chunked')],
    ['identity', ok('transfer-encoding: identity')],
    ['chunks in another case', ok('transfer-encoding: Chunked')],
    ['chunks with a tab behind', ok('transfer-encoding: chunked\t')],
    ['chunks twice', ok('transfer-encoding: chunked', 'transfer-encoding: chunked')],
    ['chunks of HTTP/1.0', head('HTTP/1.0 200 OK', 'transfer-encoding: chunked')],
    ['a bare LF', 'HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n'],
    ['a bare CR', ok('x: a\rb')],
    ['NUL', ok('x: a\0b')],
    ['DEL', ok('x: a\x7fb')],
    ['a folded value', ok('x: a', ' b')],
    ['a folded first line', ok(' x: a')],
    ['a blank before the colon', ok('x : a')],
    ['a line without a colon', ok('x')],
    ['a last line without a colon', ok('y: 1', 'x')],
    ['no name', ok(': a')],
    ['a name that is none', ok('x(y): a')],
    ['too many fields', ok(...many)],
    ['too much', ok(`x: ${'a'.repeat(17_000)}`)],
    ['HTTP/1.2', head('HTTP/1.2 200 OK')],
    ['HTTP/2.0', head('HTTP/2.0 200 OK')],
    ['another protocol', head('ICY 200 OK')],
    ['lower case', head('http/1.1 200 OK')],
    ['no status', head('HTTP/1.1 OK')],
    ['two digits', head('HTTP/1.1 20 OK')],
    ['four digits', head('HTTP/1.1 2000 OK')],
    ['a small status', head('HTTP/1.1 099 OK')],
    ['a large status', head('HTTP/1.1 600 OK')],
    ['two blanks', head('HTTP/1.1  200 OK')],
    ['no blank behind the status', head('HTTP/1.1 200')],
    ['an upgrade', head('HTTP/1.1 101 Switching')],
    ['an interim answer with a length', head('HTTP/1.1 103 Early', 'content-length: 0')],
    ['interim answers without end', head('HTTP/1.1 102 Wait').repeat(70)],
    ['an empty line before it', `\r\n${ok('content-length: 0')}`],
    ['a chunk without a size', `${chunked}\r\n`],
    ['a chunk with a sign', `${chunked}-1\r\n`],
    ['a size of another base', `${chunked}0x1\r\na\r\n0\r\n\r\n`],
    ['a blank behind a size', `${chunked}1 \r\na\r\n0\r\n\r\n`],
    ['a chunk larger than can be counted', `${chunked}20000000000000\r\na`],
    ['a size with zeros without end', `${chunked}00000000000000001\r\na`],
    ['a bare LF behind a size', `${chunked}1\na\r\n0\r\n\r\n`],
    ['a bare CR behind a size', `${chunked}1\ra\r\n0\r\n\r\n`],
    ['a chunk that goes on', `${chunked}1\r\nab\r\n0\r\n\r\n`],
    ['a chunk without CR behind', `${chunked}1\r\na\n0\r\n\r\n`],
    ['a control character in an extension', `${chunked}1;a\0\r\na\r\n0\r\n\r\n`],
    ['a bare LF in an extension', `${chunked}1;a\nb\r\na\r\n0\r\n\r\n`],
    ['extensions without end', `${chunked}${`1;${'x'.repeat(1_000)}\r\na\r\n`.repeat(5)}0\r\n\r\n`],
    ['a bare LF behind the last chunk', `${chunked}0\r\n\n`],
    ['a CR alone behind the last chunk', `${chunked}0\r\n\r\r\n`],
    ['a trailer that is none', `${chunked}0\r\nx y: 1\r\n\r\n`],
    ['too much of a trailer', `${chunked}0\r\nx: ${'a'.repeat(17_000)}\r\n\r\n`],
    ['too many trailers', `${chunked}0\r\n${many.join('\r\n')}\r\n\r\n`],
  ])('for %s, whole or byte by byte', (_what, text) => {
    const cuts = Array.from({ length: text.length }, (_, n) => n);
    expect(outcome(text)).toMatch(/^HPE_/);
    expect(outcome(text, { cuts })).toMatch(/^HPE_/);
    expect(parse(text, { cuts }).trailers).toBeUndefined();
  });

  test.each([
    ['of another protocol', 'SSH-2.0'],
    ['of lines without CR', 'HTTP/1.1 200 OK\nx: 1\n\n'],
    ['that holds NUL', 'HTTP/1.1 200 OK\r\nx: \0'],
  ])('before its end has come: %s', (_what, text) => {
    expect(outcome(text)).toBe('HPE_INVALID_CONSTANT');
  });

  test('for a head that does not end, after 16 KiB', () => {
    const { fault } = parse(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(16_400)}`, { cuts: [1, 5_000, 10_000] });
    expect(fault).toBe('HPE_HEADER_OVERFLOW');
  });
});

test('fields have any name, and every value of one that came more than once', () => {
  const { heads } = parse(
    ok(
      '__proto__: a',
      'constructor: b',
      'X-Two:1',
      'x-two:\t2 \t',
      'x-TWO: 3',
      'hasOwnProperty:',
      'x-l: \xe9',
      '1: a',
    ).replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n'),
  );
  const expected = new Map<string, string | string[]>([
    ['__proto__', 'a'],
    ['constructor', 'b'],
    ['x-two', ['1', '2', '3']],
    ['hasownproperty', ''],
    ['x-l', '\xe9'],
    ['1', 'a'],
    ['content-length', '0'],
  ]);
  expect(new Map(Object.entries(heads[0]?.fields ?? {}))).toEqual(expected);
});

const CHAR = [...'abcXYZ019-_\t ,;:="\xe9\xff'];
const value = fc
  .array(fc.constantFrom(...CHAR), { maxLength: 12 })
  .map((chars) => chars.join('').replace(/^[\t ]+|[\t ]+$/g, ''));
const name = fc
  .tuple(fc.constantFrom('x', 'Y', 'Date', 'constructor'), fc.constantFrom('', '-a', '.b', '~1'))
  .map((parts) => parts.join(''));
const lines = fc.array(fc.tuple(name, value), { maxLength: 5 }).map((all) => all.map(([n, v]) => `${n}: ${v}\r\n`));
const body = fc.array(fc.constantFrom('a', '\r\n', '0', '\0', '\xff', 'HTTP/1.1 200 OK\r\n\r\n'), { maxLength: 6 });
const extension = fc.constantFrom('', '', ';a=b', ';', '; q="\t"');
/** Well-formed ones, most of them. */
const answer = fc
  .record({
    interim: fc.array(fc.constantFrom('102 Wait', '103 '), { maxLength: 2 }),
    status: fc.constantFrom('200 OK', '201 ', '204 No', '304 Not', '404 Not Found', '599 x'),
    before: lines,
    after: lines,
    framing: fc.constantFrom('length', 'chunks', 'none'),
    pieces: fc.array(body, { maxLength: 3 }),
    extension,
    trailers: lines,
  })
  .map(({ interim, status, before, after, framing, pieces, extension: ext, trailers }) => {
    const chunks = pieces.map((piece) => piece.join('')).filter((piece) => piece !== '');
    const whole = chunks.join('');
    let text = interim.map((line) => `HTTP/1.1 ${line}\r\nlink: a\r\n\r\n`).join('');
    text += `HTTP/1.1 ${status}\r\n${before.join('')}`;
    if (framing === 'length') text += `Content-Length: ${whole.length}\r\n`;
    if (framing === 'chunks') text += 'transfer-encoding: chunked\r\n';
    text += `${after.join('')}\r\n`;
    if (/^(204|304)/.test(status)) return text;
    if (framing !== 'chunks') return text + whole;
    for (const chunk of chunks) text += `${chunk.length.toString(16)}${ext}\r\n${chunk}\r\n`;
    return `${text}0${ext}\r\n${trailers.join('')}\r\n`;
  });

type Meaning = Pick<Told, 'heads' | 'body' | 'trailers' | 'reusable' | 'rest'>;

const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[\t ]*$/;

function readFields(block: string): [string, string][] | undefined {
  const all: [string, string][] = [];
  for (const line of block === '' ? [] : block.split('\r\n')) {
    const [, found, text] = FIELD.exec(line) ?? [];
    if (found === undefined || text === undefined) return undefined;
    // These have one form, to the byte.
    const isFraming = /^(content-length|transfer-encoding)$/i.test(found);
    if (isFraming && !line.endsWith(text)) return undefined;
    all.push([found.toLowerCase(), text]);
  }
  return all;
}

function grouped(all: [string, string][]): Record<string, string | string[]> {
  const map = new Map<string, string[]>();
  for (const [key, text] of all) map.set(key, [...(map.get(key) ?? []), text]);
  return Object.fromEntries([...map].map(([key, texts]) => [key, texts.length === 1 ? (texts[0] as string) : texts]));
}

/** The same grammar written down as slowly and plainly as can be. @returns undefined for what is no whole answer */
function reference(text: string): Meaning | undefined {
  const heads: Meaning['heads'] = [];
  let left = text;
  for (;;) {
    const end = left.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const block = left.slice(0, end);
    left = left.slice(end + 4);
    const [first = '', ...others] = block.split('\r\n');
    const [, minor, status, reason] = /^HTTP\/1\.([01]) ([1-5][0-9]{2}) ([\t -~\x80-\xff]*)$/.exec(first) ?? [];
    const fields = readFields(others.join('\r\n'));
    if (fields === undefined || reason === undefined || status === undefined) return undefined;
    const of = (key: string) => fields.filter(([found]) => found === key).map(([, found]) => found);
    const [lengths, codings] = [of('content-length'), of('transfer-encoding')];
    if (lengths.length + codings.length > 1 || lengths.some((length) => !/^[0-9]{1,15}$/.test(length)))
      return undefined;
    if (codings.some((coding) => coding !== 'chunked' || minor === '0')) return undefined;
    heads.push({ status: Number(status), reason, fields: grouped(fields) });
    if (status.startsWith('1')) {
      if (status === '101' || lengths.length + codings.length > 0) return undefined;
      continue;
    }
    const closes = minor === '0' || of('connection').some((list) => /(^|,)[\t ]*close[\t ]*(,|$)/i.test(list));
    const bodiless = status === '204' || status === '304';
    const isOdd = bodiless && (codings.length > 0 || Number(lengths[0] ?? 0) > 0);
    const isOpen = !bodiless && lengths.length + codings.length === 0;
    const reusable = !closes && !isOdd && !isOpen;
    if (isOpen) return { heads, body: left, trailers: {}, reusable, rest: 0 };
    if (bodiless || codings.length === 0) {
      const length = bodiless ? 0 : Number(lengths[0]);
      if (left.length < length) return undefined;
      return { heads, body: left.slice(0, length), trailers: {}, reusable, rest: left.length - length };
    }
    let whole = '';
    for (;;) {
      const [line, size] = /^([0-9a-fA-F]{1,13})(?:;[\t -~\x80-\xff]*)?\r\n/.exec(left) ?? [];
      if (line === undefined || size === undefined) return undefined;
      left = left.slice(line.length);
      const length = Number.parseInt(size, 16);
      if (length === 0) break;
      if (left.slice(length, length + 2) !== '\r\n') return undefined;
      whole += left.slice(0, length);
      left = left.slice(length + 2);
    }
    const until = left.startsWith('\r\n') ? 0 : left.indexOf('\r\n\r\n') + 2;
    if (until === 1) return undefined;
    const trailers = readFields(left.slice(0, Math.max(0, until - 2)));
    if (trailers === undefined) return undefined;
    return { heads, body: whole, trailers: grouped(trailers), reusable, rest: left.length - until - 2 };
  }
}

const meaning = ({ heads, body: whole, trailers, reusable, rest }: Told): Meaning => ({
  heads,
  body: whole,
  trailers,
  reusable,
  rest,
});

const cuts = fc.array(fc.nat(2_000), { maxLength: 8 });
const splices = ['\r\n', '\n', '\r', '\0', ' ', '\t', ':', ',', ';', '0', '1', 'f', '\r\n\r\n', '\x80', '\r\n x'];
splices.push('Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'HTTP/1.1 200 OK\r\n', 'Connection: close\r\n');
const edit = fc.record({ at: fc.nat(400), cut: fc.nat(3), put: fc.constantFrom('', ...splices) });

describe('however an answer is split,', () => {
  test('it is told the same, and what is told is what it says', () => {
    fc.assert(
      fc.property(answer, cuts, fc.boolean(), (text, at, halting) => {
        const told = parse(text, { cuts: at, ended: true, halting });
        expect(told.fault).toBeUndefined();
        expect(meaning(told)).toEqual(reference(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test('and whatever is done to its bytes, it is what it says, or a fault, or not whole', () => {
    let sound = 0;
    fc.assert(
      fc.property(answer, fc.array(edit, { minLength: 1, maxLength: 3 }), cuts, (text, edits, at) => {
        let changed = text;
        for (const { at: place, cut, put } of edits) {
          const where = place % (changed.length + 1);
          changed = changed.slice(0, where) + put + changed.slice(where + cut);
        }
        const told = parse(changed, { cuts: at, ended: true });
        const whole = parse(changed, { ended: true });
        expect(told.fault === undefined).toBe(whole.fault === undefined);
        const expected = reference(changed);
        if (told.trailers !== undefined) expect(meaning(told)).toEqual(expected);
        else expect(expected).toBeUndefined();
        if (told.trailers !== undefined) sound += 1;
      }),
      { numRuns: 5_000 },
    );
    // Else nothing is shown.
    expect(sound).toBeGreaterThan(500);
    expect(sound).toBeLessThan(4_500);
  });
});
