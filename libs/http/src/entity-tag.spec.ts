import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertVersion, entityTag, matchesNone, parseIfMatch } from './index.js';

describe('entity tags', () => {
  test('tell representations apart and carry the version', () => {
    expect(entityTag('{"a":1}', 3)).toMatch(/^"3-[\w-]{12}"$/);
    expect(entityTag('{"a":1}', 3)).not.toBe(entityTag('{"a":2}', 3));
    expect(entityTag('{}', undefined)).toMatch(/^"[\w-]{12}"$/);
  });

  test('If-Match accepts the version it was given, and nothing else', () => {
    fc.assert(
      fc.property(fc.nat(99_999), fc.nat(99_999), fc.string(), (version, other, json) => {
        const expected = parseIfMatch(entityTag(json, version));
        expect(() => assertVersion(expected, version)).not.toThrow();
        if (other !== version)
          expect(() => assertVersion(expected, other)).toThrow(expect.objectContaining({ status: 412 }));
      }),
    );
  });

  test.each([
    [undefined, true],
    ['*', true],
    ['"1-x", "2-y"', true],
    ['W/"2-y"', false],
    ['2', false],
    ['""', false],
    ['garbage", "', false],
  ])('If-Match %p on version 2', (header, accepted) => {
    const check = () => assertVersion(parseIfMatch(header), 2);
    if (accepted) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: 'stale_version' }));
  });

  test('If-None-Match compares weakly', () => {
    expect(matchesNone('W/"a", "b"', '"a"')).toBe(true);
    expect(matchesNone('*', '"a"')).toBe(true);
    expect(matchesNone('"c"', '"a"')).toBe(false);
    expect(matchesNone(undefined, '"a"')).toBe(false);
  });
});
