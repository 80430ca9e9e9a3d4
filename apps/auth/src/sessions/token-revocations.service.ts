import { Injectable } from '@nestjs/common';
import type { Transaction } from '@nexus/database';
import { AuthClock } from '../time/auth-clock.service.js';
import { RevocationStream } from './revocation-stream.service.js';
import { RevocationsRepository } from './revocations.repository.js';

/** A session, or an API key, of which access tokens count no more. */
export interface RevokedTokens {
  readonly id: string;
  /** Tokens with a lower version are refused; null: all. */
  readonly minVersion: number | null;
  /** When the last of them has expired. */
  readonly tokensExpireAt: Date;
}

/** Clocks of those who check tokens may be so far off, in ms. */
const SKEW_MS = 60_000;

/** Has access tokens refused everywhere. */
@Injectable()
export class TokenRevocations {
  constructor(
    private readonly repository: RevocationsRepository,
    private readonly stream: RevocationStream,
    private readonly clock: AuthClock,
  ) {}

  /**
   * Revokes with a transaction, so that every verifier knows before the change is answered. The last thing to do in it,
   * and only once: from here to its end nobody else can revoke.
   */
  async add(tx: Transaction, revoked: readonly RevokedTokens[]): Promise<void> {
    const now = this.clock.now();
    const entries = revoked
      .map(({ id, minVersion, tokensExpireAt }) => ({
        sessionId: id,
        minVersion,
        expiresAt: new Date(tokensExpireAt.getTime() + SKEW_MS),
      }))
      // Where every token has expired there is nothing to refuse.
      .filter(({ expiresAt }) => expiresAt.getTime() > now);
    const written = await this.repository.append(tx, entries);
    if (written.length > 0) tx.afterCommit(() => this.stream.announce(written));
  }
}
