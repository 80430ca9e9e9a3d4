import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { accountChanged } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import type { CallContext, Role } from '@nexus/kernel';
import { Messaging } from '@nexus/messaging';
import type { AccountEntity } from '../accounts/account.entity.js';
import { AccountsRepository } from '../accounts/accounts.repository.js';
import { authErrors } from '../auth.errors.js';
import { AuthClock } from '../time/auth-clock.service.js';

/** Single changes of an account that is locked for a change: the row, the audit record and the event. */
@Injectable()
export class AccountChange {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly audit: AuditTrail,
    private readonly messaging: Messaging,
    private readonly clock: AuthClock,
  ) {}

  /**
   * Reads an account for a change that may take an admin away. Those who do wait for each other, so that two admins
   * cannot remove one another.
   * @throws AppError `account_not_found`
   */
  async load(tx: Transaction, id: string): Promise<{ account: AccountEntity; isLastAdmin: boolean }> {
    const admins = await this.accounts.lockedAdmins(tx);
    const account = await this.accounts.locked(tx, id);
    if (!account) throw authErrors.account_not_found();
    return { account, isLastAdmin: admins.length === 1 && admins[0] === id };
  }

  async setRole(tx: Transaction, ctx: CallContext, account: AccountEntity, role: Role): Promise<void> {
    const before = account.role;
    account.role = role;
    await this.accounts.save(tx, account, this.now());
    await this.record(tx, ctx, account, 'account.role_changed', { from: before, to: role });
    await this.messaging.publish(tx, ctx, accountChanged, {
      aggregate: { type: 'account', id: account.id, version: account.version },
      data: { user_id: account.id, email: account.email, role, email_verified: account.emailVerified },
    });
  }

  async setLocked(tx: Transaction, ctx: CallContext, account: AccountEntity, locked: boolean): Promise<void> {
    account.lockedAt = locked ? this.now() : null;
    await this.accounts.save(tx, account, this.now());
    await this.record(tx, ctx, account, locked ? 'account.locked' : 'account.unlocked');
  }

  private now(): Date {
    return new Date(this.clock.now());
  }

  private async record(
    tx: Transaction,
    ctx: CallContext,
    account: AccountEntity,
    action: string,
    details: Record<string, string> = {},
  ): Promise<void> {
    await this.audit.record(tx, ctx, {
      action,
      outcome: 'success',
      target: { type: 'account', id: account.id },
      details,
    });
  }
}
