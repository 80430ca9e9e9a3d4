import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { prefixQuery, searchWords } from './text-search.js';

describe('words of a text', () => {
  it.each([
    ['John Smith', ['john', 'smith']],
    ['jane.smith+news@corp.example', ['jane', 'smith', 'news', 'corp', 'example']],
    ['Müller, ÉMILE', ['muller', 'emile']],
    ['Straße STRASSE STRAẞE', ['strasse']],
    ['ΟΔΟΣ', ['οδοσ']],
    ['İstanbul', ['istanbul']],
    ['Ｆｕｌｌ ｗｉｄｔｈ', ['full', 'width']],
    ['東京 Tower', ['東', '京', 'tower']],
    ['⺀ 東', ['東']],
    ['R2D2 100% a_b', ['r2d2', '100', 'a', 'b']],
    ["o'neil \\ ' : & | ! ( ) * <->", ['o', 'neil']],
    ['  \t\n ', []],
    ['', []],
  ])('%j', (text, words) => {
    expect(searchWords(text)).toEqual(words);
  });

  it('are bounded in length and number', () => {
    expect(searchWords('x'.repeat(5000))).toEqual(['x'.repeat(64)]);
    expect(searchWords('𐐀'.repeat(5000))[0]).toHaveLength(128);
    expect(searchWords(Array.from({ length: 5000 }, (_, i) => `w${i}`).join(' '))).toHaveLength(1000);
    expect(prefixQuery(Array.from({ length: 50 }, (_, i) => `w${i}`).join(' '))?.split(' & ')).toHaveLength(16);
  });

  it('are the same in every case, however the text is composed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        const words = searchWords(text);
        expect(searchWords(text.normalize('NFD'))).toEqual(words);
        expect(searchWords(text.normalize('NFC'))).toEqual(words);
        expect(searchWords(words.join(' '))).toEqual(words);
      }),
    );
  });
});

describe('query of words', () => {
  it('looks for every word as a beginning', () => {
    expect(prefixQuery('Jo SMI')).toBe("'jo':* & 'smi':*");
  });

  it('is none without words, and never holds an operator of the client', () => {
    expect(prefixQuery('% _ * \' " \\ & | !')).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (q) => {
        const query = prefixQuery(q);
        if (query !== undefined) expect(query).toMatch(/^'[\p{L}\p{N}\p{M}]+':\*( & '[\p{L}\p{N}\p{M}]+':\*)*$/u);
      }),
    );
  });
});
