import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DerivedKeys } from '../secrets/derived-keys.service.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals private keys for storage: AES-256-GCM (NIST SP 800-38D), bound to the key's id. */
@Injectable()
export class KeySeal {
  constructor(private readonly keys: DerivedKeys) {}

  /** @returns nonce, tag and cipher text */
  seal(kid: string, plain: Buffer): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.keys.signingKeySeal, nonce);
    cipher.setAAD(Buffer.from(kid));
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]);
  }

  /** @returns undefined when it was sealed with another secret, for another key, or altered */
  open(kid: string, sealed: Buffer): Buffer | undefined {
    if (sealed.length <= NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.keys.signingKeySeal, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(kid));
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    } catch {
      return undefined;
    }
  }
}
