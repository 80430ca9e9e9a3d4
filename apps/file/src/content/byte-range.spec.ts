import fc from 'fast-check';
import { type ByteRange, parseRange } from './byte-range.js';

/** The same question asked byte by byte: which bytes of `size` does a set of ranges name (RFC 9110 §14.1.2)? */
function named(specs: readonly string[], size: number): Set<number> | 'invalid' {
  const bytes = new Set<number>();
  for (const spec of specs) {
    const [first = '', last = ''] = spec.split('-');
    if (first !== '' && last !== '' && Number(first) > Number(last)) return 'invalid';
    for (let byte = 0; byte < size; byte++) {
      const inside =
        first === '' ? byte >= size - Number(last) : byte >= Number(first) && (last === '' || byte <= Number(last));
      if (inside) bytes.add(byte);
    }
  }
  return bytes;
}

function covered(ranges: readonly ByteRange[]): number[] {
  return ranges.flatMap(({ start, end }) => Array.from({ length: end - start + 1 }, (_, i) => start + i));
}

describe('parseRange', () => {
  it.each([
    ['bytes=0-0', 10, [{ start: 0, end: 0 }]],
    ['bytes=2-4', 10, [{ start: 2, end: 4 }]],
    ['bytes=5-', 10, [{ start: 5, end: 9 }]],
    ['bytes=-3', 10, [{ start: 7, end: 9 }]],
    ['bytes=-100', 10, [{ start: 0, end: 9 }]],
    ['bytes=3-100', 10, [{ start: 3, end: 9 }]],
    [
      'Bytes = 1-2 , 5-6',
      10,
      [
        { start: 1, end: 2 },
        { start: 5, end: 6 },
      ],
    ],
    [
      'bytes=5-6,,1-2,',
      10,
      [
        { start: 5, end: 6 },
        { start: 1, end: 2 },
      ],
    ],
    [
      'bytes=0-3,2-5,8-9',
      10,
      [
        { start: 0, end: 5 },
        { start: 8, end: 9 },
      ],
    ],
    ['bytes=4-5,0-3', 10, [{ start: 0, end: 5 }]],
    ['bytes=20-30,1-1', 10, [{ start: 1, end: 1 }]],
    ['bytes=0-99999999999999999999999', 10, [{ start: 0, end: 9 }]],
  ])('reads %s of %i bytes', (header, size, expected) => {
    expect(parseRange(header, size)).toEqual(expected);
  });

  it.each([
    [undefined, 10],
    ['', 10],
    ['items=0-1', 10],
    ['bytes', 10],
    ['bytes=', 10],
    ['bytes=,', 10],
    ['bytes=-', 10],
    ['bytes=5-4', 10],
    ['bytes=1-2,5-4', 10],
    ['bytes=a-b', 10],
    ['bytes=1-2;3-4', 10],
    ['bytes=+1-2', 10],
    ['bytes=0x1-2', 10],
    ['bytes=-5', 0],
    [`bytes=${Array.from({ length: 33 }, (_, i) => `${2 * i}-${2 * i}`).join(',')}`, 100],
    [`bytes=0-${'9'.repeat(2000)}`, 10],
  ])('lets %p of %i bytes pass as no range', (header, size) => {
    expect(parseRange(header, size)).toBe('whole');
  });

  it.each([
    ['bytes=10-', 10],
    ['bytes=99999999999999999999-', 10],
    ['bytes=10-11,20-30', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=0-0', 0],
    ['bytes=-0', 0],
  ])('finds no byte for %s of %i bytes', (header, size) => {
    expect(parseRange(header, size)).toBe('unsatisfiable');
  });

  it('names exactly the bytes that the letter of the standard names, each once', () => {
    const number = fc.nat(40).map(String);
    const spec = fc.oneof(
      fc.tuple(number, number).map(([first, last]) => `${first}-${last}`),
      number.map((first) => `${first}-`),
      number.map((suffix) => `-${suffix}`),
    );
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 30 }), (specs, size) => {
        const expected = named(specs, size);
        const answer = parseRange(`bytes=${specs.join(', ')}`, size);
        if (expected === 'invalid') expect(answer).toBe('whole');
        else if (expected.size === 0) expect(answer).toBe('unsatisfiable');
        else {
          const bytes = covered(answer as readonly ByteRange[]);
          expect([...bytes].sort((a, b) => a - b)).toEqual([...expected].sort((a, b) => a - b));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
