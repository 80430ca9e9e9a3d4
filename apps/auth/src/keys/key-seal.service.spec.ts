import { describe, expect, it } from '@jest/globals';
import type { AuthConfig } from '../auth.config.js';
import { DerivedKeys } from '../secrets/derived-keys.service.js';
import { KeySeal } from './key-seal.service.js';

const sealOf = (secret: string) => new KeySeal(new DerivedKeys({ AUTH_SECRET: secret } as AuthConfig));
const seal = sealOf('one secret that is long enough, surely');
const plain = Buffer.from('a private key');

describe('KeySeal', () => {
  it('opens what it sealed', () => {
    expect(seal.open('k1', seal.seal('k1', plain))).toEqual(plain);
    expect(seal.seal('k1', plain)).not.toEqual(seal.seal('k1', plain));
    expect(seal.seal('k1', plain).includes(plain)).toBe(false);
  });

  it('opens nothing with another secret, for another key, or altered', () => {
    const sealed = seal.seal('k1', plain);
    expect(sealOf('another secret that is long enough, too').open('k1', sealed)).toBeUndefined();
    expect(seal.open('k2', sealed)).toBeUndefined();
    for (let i = 0; i < sealed.length; i++) {
      const altered = Buffer.from(sealed);
      altered[i] = (altered[i] as number) ^ 1;
      expect(seal.open('k1', altered)).toBeUndefined();
    }
    for (const length of [0, 12, 28]) expect(seal.open('k1', sealed.subarray(0, length))).toBeUndefined();
  });
});
