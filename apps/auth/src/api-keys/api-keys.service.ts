import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { apiKeyDigest, apiKeyPrefix, newApiKey, SCOPES, type Scope } from '@nexus/auth-guards';
import { Database, type Transaction } from '@nexus/database';
import { type CallContext, errors, type Page, type UserActor, uuidv7 } from '@nexus/kernel';
import { AccountsRepository } from '../accounts/accounts.repository.js';
import { authErrors } from '../auth.errors.js';
import { KEY_TOKEN_SECONDS } from '../keys/access-tokens.service.js';
import { TokenRevocations } from '../sessions/token-revocations.service.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { type ApiKey, ApiKeysRepository } from './api-keys.repository.js';
import type { ApiKeyQuery, ApiKeyRequest, ApiKeyView, CreatedApiKey } from './api-keys.schemas.js';

/** Keys of one person that have not expired. */
const MAX_LIVING = 50;

/** A person's own API keys. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly db: Database,
    private readonly keys: ApiKeysRepository,
    private readonly accounts: AccountsRepository,
    private readonly revocations: TokenRevocations,
    private readonly audit: AuditTrail,
    private readonly clock: AuthClock,
  ) {}

  /**
   * Makes a key; it is in the answer and nowhere else.
   * @throws AppError `validation_failed`, `api_key_limit_reached`, `account_locked`, `account_disabled`
   */
  async create(ctx: CallContext, caller: UserActor, body: ApiKeyRequest): Promise<CreatedApiKey> {
    const now = this.clock.now();
    const expiresAt = expiryOf(body, now);
    const secret = newApiKey();
    const key = await this.db.transaction(async (tx) => {
      await this.assertMayAdd(tx, caller.id, new Date(now));
      const added = await this.keys.insert(tx, {
        id: uuidv7(now),
        userId: caller.id,
        name: body.name,
        prefix: apiKeyPrefix(secret),
        digest: apiKeyDigest(secret),
        scopes: SCOPES.filter((scope) => body.scopes.includes(scope)),
        createdAt: new Date(now),
        expiresAt,
      });
      await this.record(tx, ctx, 'api_key.created', added);
      return added;
    });
    return { ...toView(key), secret };
  }

  /** The caller's keys, also those that have expired. @throws AppError `invalid_cursor` */
  async list(caller: UserActor, query: ApiKeyQuery): Promise<Page<ApiKeyView>> {
    const page = await this.keys.page(caller.id, query);
    return { ...page, items: page.items.map(toView) };
  }

  /** Ends a key: it is refused everywhere before this is answered. @throws AppError `api_key_not_found` */
  async revoke(ctx: CallContext, caller: UserActor, id: string): Promise<void> {
    await this.db.transaction(async (tx) => {
      const removed = await this.keys.remove(tx, caller.id, id);
      if (!removed) throw authErrors.api_key_not_found();
      await this.record(tx, ctx, 'api_key.revoked', removed);
      const tokensExpireAt = new Date(this.clock.now() + KEY_TOKEN_SECONDS * 1000);
      await this.revocations.add(tx, [{ id, minVersion: null, tokensExpireAt }]);
    });
  }

  /** The account is held from here on, so that nobody bars it or adds a key meanwhile. */
  private async assertMayAdd(tx: Transaction, userId: string, at: Date): Promise<void> {
    const account = await this.accounts.locked(tx, userId);
    if (!account) throw errors.unauthenticated();
    if (account.lockedAt) throw authErrors.account_locked();
    if (account.status !== 'active') throw authErrors.account_disabled();
    if ((await this.keys.countLiving(tx, userId, at)) >= MAX_LIVING) throw authErrors.api_key_limit_reached();
  }

  private async record(tx: Transaction, ctx: CallContext, action: string, key: ApiKey): Promise<void> {
    await this.audit.record(tx, ctx, {
      action,
      outcome: 'success',
      target: { type: 'api_key', id: key.id },
      details: {
        name: key.name,
        prefix: key.prefix,
        scopes: key.scopes.join(' '),
        expires_at: key.expiresAt?.toISOString() ?? null,
      },
    });
  }
}

function expiryOf({ expires_at }: ApiKeyRequest, now: number): Date | null {
  if (expires_at === undefined) return null;
  const expiresAt = new Date(expires_at);
  if (expiresAt.getTime() > now) return expiresAt;
  throw errors.validation_failed({
    details: [{ code: 'invalid_value', field: 'expires_at', message: 'must lie in the future' }],
  });
}

function toView(key: ApiKey): ApiKeyView {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    scopes: key.scopes as Scope[],
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  };
}
