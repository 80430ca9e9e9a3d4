import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { accountRegistered } from '@nexus/contracts';
import { isUniqueViolation, type Transaction } from '@nexus/database';
import { type CallContext, type Role, uuidv7 } from '@nexus/kernel';
import { Messaging } from '@nexus/messaging';
import { authErrors } from '../auth.errors.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { type Account, AccountsRepository } from './accounts.repository.js';

/** A person who gets an account. */
export interface NewPerson {
  /** Canonical form. */
  readonly email: string;
  readonly name: string;
  readonly passwordHash: string;
  readonly role: Role;
  readonly emailVerified: boolean;
}

/** The one way in which an account comes to be. */
@Injectable()
export class AccountCreation {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly audit: AuditTrail,
    private readonly messaging: Messaging,
    private readonly clock: AuthClock,
  ) {}

  /**
   * Writes the account, its audit record and `account.registered`.
   * @throws AppError `email_taken`; the transaction is lost then
   */
  async create(tx: Transaction, ctx: CallContext, person: NewPerson): Promise<Account> {
    const { email, name, role, emailVerified } = person;
    const account = await this.insert(tx, person);
    await this.audit.record(tx, ctx, {
      action: 'account.registered',
      outcome: 'success',
      target: { type: 'account', id: account.id },
      ...(ctx.actor.kind === 'anonymous' ? { actorId: account.id } : {}),
      details: { role, email_verified: emailVerified },
    });
    await this.messaging.publish(tx, ctx, accountRegistered, {
      aggregate: { type: 'account', id: account.id, version: account.version },
      data: { user_id: account.id, email, name, role, email_verified: emailVerified },
    });
    return account;
  }

  private async insert(tx: Transaction, person: NewPerson): Promise<Account> {
    const now = this.clock.now();
    try {
      return await this.accounts.insert(tx, { id: uuidv7(now), ...person }, new Date(now));
    } catch (error) {
      if (isUniqueViolation(error, 'accounts_email_key')) throw authErrors.email_taken({ field: 'email' });
      throw error;
    }
  }
}
