import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { escapeText, Markup, markup } from './markup.js';
import { plainLine } from './plain-line.js';

const NAMES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`' };
const readBack = (text: string) => text.replace(/&([a-z]+|#\d+);/g, (_, name: string) => NAMES[name] as string);
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '`', '&', ';', '/', '=', ' ', '\n', 'a', '\0', '\ud800') }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    '&lt;',
    '&#60;',
    '</title>',
    '<!--',
    ']]>',
  ),
);

describe('markup', () => {
  it('makes text of any text: nothing in it opens a tag, ends an attribute or names a character', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const safe = escapeText(text);
        expect(safe).not.toMatch(/[<>"'`]/);
        expect(safe.replace(/&(amp|lt|gt|quot|#39|#96);/g, '')).not.toContain('&');
        expect(safe).not.toMatch(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/);
        expect(safe.isWellFormed()).toBe(true);
      }),
    );
  });

  it('loses nothing that HTML can say', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(readBack(escapeText(text))).toBe(
          text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g, '\ufffd'),
        );
      }),
    );
  });

  it('escapes every value but markup of its own', () => {
    const inner = [1, 2].map((n) => markup`<li>${n} ${'<b>'}</li>`);
    expect(markup`<ul title="${'"'}">${inner}${new Markup('<hr>')}</ul>`.text).toBe(
      '<ul title="&quot;"><li>1 &lt;b&gt;</li><li>2 &lt;b&gt;</li><hr></ul>',
    );
  });
});

describe('text of others as one line', () => {
  it('has no line end, control character or mark that reorders, and keeps to its length', () => {
    const nasty = fc.oneof(
      anyText,
      fc.string({
        unit: fc.constantFrom('\r', '\n', '\u2028', '\u202e', '\u2066', '\u200b', '\ufeff', '\x07', ' ', 'a', '😀'),
      }),
    );
    fc.assert(
      fc.property(nasty, fc.integer({ min: 1, max: 40 }), (text, max) => {
        const line = plainLine(text, max);
        expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202a-\u202e\u2060-\u2069\u200b\u200e\u200f\ufeff]/u);
        expect([...line].length).toBeLessThanOrEqual(max);
        expect(line).toBe(line.trim());
      }),
    );
  });

  it('changes nothing where nothing is wrong, and shows where it cut', () => {
    expect(plainLine('Ada Lovelace 😀', 40)).toBe('Ada Lovelace 😀');
    expect(plainLine('😀'.repeat(50), 5)).toBe('😀😀😀😀…');
    expect(plainLine(`${'a'.repeat(1_000_000)}`, 5)).toBe('aaaa…');
    expect(plainLine(`ab${' '.repeat(1000)}`, 5)).toBe('ab…');
  });
});
