import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { passwordChanged } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import type { CallContext } from '@nexus/kernel';
import { Messaging } from '@nexus/messaging';
import type { AccountEntity } from '../accounts/account.entity.js';
import { AccountsRepository } from '../accounts/accounts.repository.js';
import { AuthClock } from '../time/auth-clock.service.js';

/** Puts a new password in place of an account's. */
@Injectable()
export class PasswordWriter {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly audit: AuditTrail,
    private readonly messaging: Messaging,
    private readonly clock: AuthClock,
  ) {}

  /** Writes the hash into an account that is locked for a change, its audit record, and the event that tells the owner. */
  async replace(tx: Transaction, ctx: CallContext, account: AccountEntity, hash: string): Promise<void> {
    account.passwordHash = hash;
    account.passwordVersion += 1;
    const { id, email, version } = await this.accounts.save(tx, account, new Date(this.clock.now()));
    await this.audit.record(tx, ctx, {
      action: 'password.change',
      outcome: 'success',
      target: { type: 'account', id },
    });
    await this.messaging.publish(tx, ctx, passwordChanged, {
      aggregate: { type: 'account', id, version },
      data: { user_id: id, email, address: ctx.address ?? null },
    });
  }
}
