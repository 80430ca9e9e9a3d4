import { Injectable } from '@nestjs/common';
import { Database } from '@nexus/database';
import { assertVersion, type ExpectedVersion } from '@nexus/http';
import type { CallContext, Role } from '@nexus/kernel';
import type { AccountEntity } from '../accounts/account.entity.js';
import type { AccountView } from '../accounts/accounts.schemas.js';
import { People } from '../accounts/people.service.js';
import { authErrors } from '../auth.errors.js';
import { LoginFailures } from '../passwords/login-failures.service.js';
import { SessionEnding } from '../sessions/session-ending.service.js';
import { AccountChange } from './account-change.service.js';

/** What administrators do to accounts; the route lets nobody else in. */
@Injectable()
export class Administration {
  constructor(
    private readonly db: Database,
    private readonly change: AccountChange,
    private readonly ending: SessionEnding,
    private readonly failures: LoginFailures,
    private readonly people: People,
  ) {}

  /**
   * Gives a person another role. Their access tokens are refused from now on; a refresh brings ones with the new role, and
   * so does an API key.
   * @throws AppError `account_not_found`, `stale_version`, `last_admin`
   */
  async setRole(ctx: CallContext, id: string, role: Role, expected: ExpectedVersion | undefined): Promise<AccountView> {
    const { account, changed } = await this.db.transaction(async (tx) => {
      const { account, isLastAdmin } = await this.change.load(tx, id);
      assertVersion(expected, account.version);
      if (account.role === role) return { account, changed: false };
      if (isLastAdmin) throw authErrors.last_admin();
      await this.change.setRole(tx, ctx, account, role);
      await this.ending.outdateTokens(tx, id);
      return { account, changed: true };
    });
    // The event would do it, but the administrator's next look should not be ahead of it.
    if (changed) await this.people.update(ctx, account);
    return toView(account);
  }

  /**
   * Keeps a person from signing in, ends their sessions and has their API keys refused while the lock stands.
   * @throws AppError `account_not_found`, `last_admin`
   */
  async lock(ctx: CallContext, id: string): Promise<AccountView> {
    return this.db.transaction(async (tx) => {
      const { account, isLastAdmin } = await this.change.load(tx, id);
      if (account.lockedAt) return toView(account);
      if (isLastAdmin) throw authErrors.last_admin();
      await this.change.setLocked(tx, ctx, account, true);
      await this.ending.shutOut(tx, ctx, id, 'account_locked');
      return toView(account);
    });
  }

  /**
   * Lets a person sign in again, at once also after many failures.
   * @throws AppError `account_not_found`
   */
  async unlock(ctx: CallContext, id: string): Promise<AccountView> {
    return this.db.transaction(async (tx) => {
      const { account } = await this.change.load(tx, id);
      await this.failures.forget(tx, account.email);
      if (account.lockedAt) await this.change.setLocked(tx, ctx, account, false);
      return toView(account);
    });
  }
}

function toView(account: AccountEntity): AccountView {
  return {
    id: account.id,
    email: account.email,
    role: account.role,
    email_verified: account.emailVerified,
    status: account.status,
    locked_at: account.lockedAt?.toISOString() ?? null,
    version: account.version,
    created_at: account.createdAt.toISOString(),
    updated_at: account.updatedAt.toISOString(),
  };
}
