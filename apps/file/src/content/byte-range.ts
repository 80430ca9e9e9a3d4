/** Bytes of a file, both ends included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const UNIT = /^[ \t]*bytes[ \t]*=(.*)$/i;
const SPEC = /^(\d*)-(\d*)$/;
const MAX_HEADER = 1024;
/** More than a player or a download manager asks for; who asks for more gets the whole. */
const MAX_RANGES = 32;

/** One range of a header over `size` bytes: undefined when it is not valid, null when there are no such bytes. */
function oneRange(text: string, size: number): ByteRange | null | undefined {
  const match = SPEC.exec(text);
  if (!match) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  const whole = BigInt(size);
  if (first === '') {
    const suffix = BigInt(last);
    if (suffix === 0n || size === 0) return null;
    return { start: suffix >= whole ? 0 : Number(whole - suffix), end: size - 1 };
  }
  const start = BigInt(first);
  if (last !== '' && BigInt(last) < start) return undefined;
  if (start >= whole) return null;
  return { start: Number(start), end: last === '' || BigInt(last) >= whole ? size - 1 : Number(BigInt(last)) };
}

/** Ranges that overlap or touch become one, at the place of the first: nobody gets a byte twice. */
function coalesce(ranges: readonly ByteRange[]): ByteRange[] {
  const sorted = ranges
    .map((range, order) => ({ ...range, order }))
    .sort((a, b) => a.start - b.start || a.order - b.order);
  const merged: { start: number; end: number; order: number }[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last && range.start <= last.end + 1) {
      last.end = Math.max(last.end, range.end);
      last.order = Math.min(last.order, range.order);
    } else merged.push({ ...range });
  }
  return merged.sort((a, b) => a.order - b.order).map(({ start, end }) => ({ start, end }));
}

/**
 * What a `Range` header asks of `size` bytes (RFC 9110 §14.1.2, §14.2).
 *
 * @returns `whole` for another unit, a header that is not valid or one with too many ranges: it is ignored;
 *   `unsatisfiable` (416) when it is valid and names no byte of the file
 */
export function parseRange(header: string | undefined, size: number): 'whole' | 'unsatisfiable' | readonly ByteRange[] {
  if (header === undefined || header.length > MAX_HEADER) return 'whole';
  const set = UNIT.exec(header)?.[1];
  if (set === undefined) return 'whole';
  // Empty members of a list count as nothing (RFC 9110 §5.6.1.2).
  const specs = set
    .split(',')
    .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((text) => text !== '');
  if (specs.length === 0 || specs.length > MAX_RANGES) return 'whole';
  const ranges: ByteRange[] = [];
  let suffix = false;
  for (const spec of specs) {
    const range = oneRange(spec, size);
    if (range === undefined) return 'whole';
    if (range !== null) ranges.push(range);
    suffix ||= /^-0*[1-9]/.test(spec);
  }
  if (ranges.length > 0) return coalesce(ranges);
  // The last bytes of an empty file can be had: there are none.
  return size === 0 && suffix ? 'whole' : 'unsatisfiable';
}
