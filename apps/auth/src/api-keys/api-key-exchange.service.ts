import { Injectable } from '@nestjs/common';
import { apiKeyDigest, isApiKey } from '@nexus/auth-guards';
import type { ExchangedKey } from '@nexus/contracts';
import { AccessTokens, KEY_TOKEN_REST_SECONDS, KEY_TOKEN_SECONDS } from '../keys/access-tokens.service.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { ApiKeyUses } from './api-key-uses.service.js';
import { ApiKeysRepository } from './api-keys.repository.js';

/** Gives access tokens for API keys. */
@Injectable()
export class ApiKeyExchange {
  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly tokens: AccessTokens,
    private readonly uses: ApiKeyUses,
    private readonly clock: AuthClock,
  ) {}

  /**
   * A token of the key's owner with the key's scopes. Its session is the key and its session version the key's, read
   * before it is signed: whatever ends the key or changes its owner's role meanwhile revokes what was read, so that the
   * token is refused from its first use. The token outlives what it may be used for, the key's own end included, by
   * {@link KEY_TOKEN_REST_SECONDS}.
   *
   * @returns null when nobody has the key, it has expired, or its owner may not come in
   */
  async exchange(key: string): Promise<ExchangedKey | null> {
    if (!isApiKey(key)) return null;
    const at = this.clock.now();
    const held = await this.keys.held(apiKeyDigest(key), new Date(at));
    if (!held) return null;
    const issuedAt = Math.floor(at / 1000);
    const untilKeyEnds = held.expiresAt === null ? Number.POSITIVE_INFINITY : held.expiresAt.getTime() - at;
    const expires_in = Math.min(KEY_TOKEN_SECONDS - KEY_TOKEN_REST_SECONDS, Math.floor(untilKeyEnds / 1000));
    if (expires_in <= 0) return null;
    const token = await this.tokens.issue({
      userId: held.userId,
      role: held.role,
      sessionId: held.id,
      sessionVersion: held.version,
      scopes: held.scopes,
      keyId: held.id,
      amr: [],
      issuedAt,
      expiresAt: issuedAt + expires_in + KEY_TOKEN_REST_SECONDS,
    });
    this.uses.note(held, at);
    return { token, expires_in };
  }
}
