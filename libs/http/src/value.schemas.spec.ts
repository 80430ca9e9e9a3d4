import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyShape } from './key-shape.js';
import { freeText, lineOfText, opaqueObject } from './value.schemas.js';

describe('a line of text', () => {
  const schema = lineOfText(10);

  it.each(['Ada', 'Zoë 🚀', '%_\\'])('takes %j', (text) => {
    expect(schema.parse(text)).toBe(text);
  });

  it('is trimmed', () => {
    expect(schema.parse('  Ada \n')).toBe('Ada');
  });

  it.each([
    '',
    '   ',
    'a\nb',
    'a\u0000b',
    'a\u0007',
    'a\u0085b',
    'a\u2028b',
    'abc\u202edcba',
    'x'.repeat(11),
    5,
    null,
  ])('refuses %j', (text) => {
    expect(schema.safeParse(text).success).toBe(false);
  });
});

describe('free text', () => {
  it('may have lines, tabs and nothing at all', () => {
    expect(freeText(20).parse('a\r\n\tb')).toBe('a\r\n\tb');
    expect(freeText(20).parse('')).toBe('');
  });

  it.each(['a\u0000b', 'a\u001bb', 'x'.repeat(21)])('refuses %j', (text) => {
    expect(freeText(20).safeParse(text).success).toBe(false);
  });
});

/** `__proto__` is refused when the body is parsed. */
const KEY = fc.string().filter((key) => key !== '__proto__');

describe('an opaque object', () => {
  const schema = opaqueObject(64);

  it('is kept as it is, keys in their order', () => {
    fc.assert(
      fc.property(fc.dictionary(KEY, fc.jsonValue(), { maxKeys: 4, noNullPrototype: true }), (value) => {
        const json = JSON.stringify(value);
        const result = opaqueObject(100_000).safeParse(JSON.parse(json));
        expect(JSON.stringify(result.data)).toBe(json);
      }),
    );
  });

  it('is measured in bytes of UTF-8', () => {
    expect(schema.safeParse({ k: 'x'.repeat(56) }).success).toBe(true);
    expect(schema.safeParse({ k: 'x'.repeat(57) }).success).toBe(false);
    expect(schema.safeParse({ k: 'ä'.repeat(29) }).success).toBe(false);
  });

  it.each([[{ a: { b: [JSON.parse('1e400')] } }], [[]], ['text'], [null], [3]])('refuses %j', (value) => {
    expect(schema.safeParse(value).success).toBe(false);
  });

  it('hides its keys from normalisation', () => {
    expect(keyShape(schema)).toEqual({ kind: 'opaque' });
  });
});
