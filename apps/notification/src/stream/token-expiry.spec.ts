import { describe, expect, it } from '@jest/globals';
import { TokenMint } from '@nexus/testing';
import fc from 'fast-check';
import { tokenExpiry } from './token-expiry.js';

describe('expiry of the token behind a stream', () => {
  it('is what the token says', () => {
    expect(tokenExpiry(`Bearer ${new TokenMint().token({ exp: 2_000_000_000 })}`)).toBe(2_000_000_000_000);
  });

  it('is unknown for anything else, whatever it is', () => {
    for (const text of [
      undefined,
      '',
      'Basic YTpi',
      'Bearer a.b.c',
      `Bearer a.${btoa('{"exp":"x"}')}.c`,
      `Bearer a.${btoa('null')}.c`,
    ])
      expect(tokenExpiry(text)).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(tokenExpiry(`Bearer x.${text}.y`)).toBeUndefined();
      }),
    );
  });
});
