import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LineReader } from './line-reader.js';

describe('lines', () => {
  test('are the same however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\n'))),
        fc.array(fc.nat(40)),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
          const reader = new LineReader(1_000);
          const read: string[] = [];
          let at = 0;
          for (const cut of [...cuts, bytes.length]) {
            read.push(...reader.read(bytes.subarray(at, at + cut)));
            at += cut;
          }
          expect(read).toEqual(lines.map((text) => text.toWellFormed()));
        },
      ),
    );
  });

  test('have a longest one, finished or not', () => {
    expect(() => new LineReader(10).read(Buffer.from('12345678901\n'))).toThrow('too long');
    const reader = new LineReader(10);
    expect(reader.read(Buffer.from('1234567890'))).toEqual([]);
    expect(() => reader.read(Buffer.from('1'))).toThrow('too long');
  });
});
