import { hkdfSync } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type AuthConfig, authConfig } from '../auth.config.js';

const KEY_BYTES = 32;

/**
 * One key per purpose out of `AUTH_SECRET` (HKDF-SHA256, RFC 5869), so that what is known of one tells nothing about
 * another.
 */
@Injectable()
export class DerivedKeys {
  /** HMAC key of refresh tokens. */
  readonly refreshTokens: Buffer;
  /** AES-256 key that seals private signing keys. */
  readonly signingKeySeal: Buffer;
  /** HMAC key of the digests that stand for e-mail addresses. */
  readonly emailDigests: Buffer;

  constructor(@Inject(authConfig.token) config: AuthConfig) {
    const derive = (purpose: string) =>
      Buffer.from(hkdfSync('sha256', config.AUTH_SECRET, '', `nexus/auth/${purpose}/v1`, KEY_BYTES));
    this.refreshTokens = derive('refresh-token');
    this.signingKeySeal = derive('signing-key-seal');
    this.emailDigests = derive('email-digest');
  }
}
