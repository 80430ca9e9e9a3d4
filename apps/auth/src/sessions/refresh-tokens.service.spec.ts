import { describe, expect, it } from '@jest/globals';
import { uuidv7 } from '@nexus/kernel';
import fc from 'fast-check';
import type { AuthConfig } from '../auth.config.js';
import { DerivedKeys } from '../secrets/derived-keys.service.js';
import { RefreshTokens } from './refresh-tokens.service.js';

const tokensOf = (secret: string) => new RefreshTokens(new DerivedKeys({ AUTH_SECRET: secret } as AuthConfig));
const tokens = tokensOf('one secret that is long enough, surely');
const sessionId = uuidv7();

describe('RefreshTokens', () => {
  it('reads what it issued', () => {
    for (const generation of [1, 2, 10, 2_147_483_647]) {
      expect(tokens.read(tokens.issue({ sessionId, generation }))).toEqual({ sessionId, generation });
    }
  });

  it('issues the same token for the same session and generation, so that none need be stored', () => {
    expect(tokens.issue({ sessionId, generation: 3 })).toBe(tokens.issue({ sessionId, generation: 3 }));
    expect(tokens.issue({ sessionId, generation: 3 })).not.toBe(tokens.issue({ sessionId, generation: 4 }));
  });

  it('does not take what another secret issued', () => {
    const other = tokensOf('another secret that is long enough, too');
    expect(other.read(tokens.issue({ sessionId, generation: 1 }))).toBeUndefined();
  });

  it('does not take a token with any character changed', () => {
    const token = tokens.issue({ sessionId, generation: 12 });
    const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=';
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...alphabet), (at, character) => {
        fc.pre(token[at] !== character);
        expect(tokens.read(token.slice(0, at) + character + token.slice(at + 1))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
    expect(tokens.read(`${token}=`)).toBeUndefined();
    expect(tokens.read(token.slice(0, -1))).toBeUndefined();
    expect(tokens.read(token.toUpperCase())).toBeUndefined();
  });

  it('does not take a generation in another spelling, or one that cannot be', () => {
    const mac = tokens.issue({ sessionId, generation: 1 }).split('.')[2];
    for (const digits of ['01', '+1', '1e0', '0', '-1', '', '9999999999', '1.0']) {
      expect(tokens.read(`${sessionId}.${digits}.${mac}`)).toBeUndefined();
    }
  });

  it('survives any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => expect(tokens.read(text)).toBeUndefined()));
  });
});

describe('DerivedKeys', () => {
  it('has another key for each purpose', () => {
    const keys = new DerivedKeys({ AUTH_SECRET: 'one secret that is long enough, surely' } as AuthConfig);
    const texts = [keys.refreshTokens, keys.signingKeySeal, keys.emailDigests].map((key) => key.toString('hex'));
    expect(new Set(texts).size).toBe(3);
    for (const text of texts) expect(text).toMatch(/^[0-9a-f]{64}$/);
  });
});
