import { describe, expect, test } from '@jest/globals';
import { AppError } from '@nexus/kernel';
import fc from 'fast-check';
import { parseJson } from './index.js';

describe('JSON bodies', () => {
  test('read what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!/\\u0000|\\u[dD][89a-fA-F]|__proto__|constructor/.test(text));
        expect(parseJson(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('any bytes are a value or a 400, never a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseJson(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect((error as AppError).status).toBe(400);
        }
      }),
    );
  });

  test('brackets in strings are no depth, and depth is bounded', () => {
    expect(parseJson(Buffer.from(JSON.stringify({ a: '[{'.repeat(500) })))).toBeDefined();
    expect(() => parseJson(Buffer.from('['.repeat(100_000)))).toThrow(/nested deeper/);
  });

  test.each(['"\\ud800"', '{"\\u0000":1}', '["\\uDFFF"]'])('refuses %s, which is no text', (text) => {
    expect(() => parseJson(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'invalid_encoding' }));
  });

  test('takes a surrogate pair and an escaped backslash', () => {
    expect(parseJson(Buffer.from('"\\ud83d\\ude00"'))).toBe('😀');
    expect(parseJson(Buffer.from('"\\\\u0000"'))).toBe('\\u0000');
  });
});
