import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import type { AccountStatus } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import type { CallContext } from '@nexus/kernel';
import { AccountsRepository } from '../accounts/accounts.repository.js';
import { SessionEnding } from '../sessions/session-ending.service.js';
import { AuthClock } from '../time/auth-clock.service.js';

/** Follows what the user service decides about a person: by call at once, by event where the call was lost. */
@Injectable()
export class AccountStatusService {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly ending: SessionEnding,
    private readonly audit: AuditTrail,
    private readonly clock: AuthClock,
  ) {}

  /**
   * Takes over a status, unless a newer one was taken over before.
   * @returns how many sessions ended
   */
  async apply(tx: Transaction, ctx: CallContext, { user_id, status, version }: AccountStatus): Promise<number> {
    const account = await this.accounts.locked(tx, user_id);
    if (!account || version <= account.statusVersion) return 0;
    const before = account.status;
    account.status = status;
    account.statusVersion = version;
    await this.accounts.save(tx, account, new Date(this.clock.now()));
    if (before === status) return 0;
    await this.audit.record(tx, ctx, {
      action: status === 'active' ? 'account.reactivated' : 'account.deactivated',
      outcome: 'success',
      target: { type: 'account', id: user_id },
    });
    return status === 'active' ? 0 : this.ending.shutOut(tx, ctx, user_id, 'account_deactivated');
  }
}
