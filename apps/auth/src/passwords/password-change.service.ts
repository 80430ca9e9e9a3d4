import { Injectable } from '@nestjs/common';
import { challenge } from '@nexus/auth-guards';
import { Database, type Transaction } from '@nexus/database';
import { type AppError, type CallContext, errors, type UserActor } from '@nexus/kernel';
import { type Account, AccountsRepository } from '../accounts/accounts.repository.js';
import { authErrors } from '../auth.errors.js';
import { SessionEnding } from '../sessions/session-ending.service.js';
import { type Attempt, LoginFailures } from './login-failures.service.js';
import { PasswordHasher } from './password-hasher.service.js';
import { normalPassword, passwordFault, passwordFaults } from './password-policy.service.js';
import { PasswordWriter } from './password-writer.service.js';
import type { PasswordChangeRequest } from './passwords.schemas.js';

/** Lets the owner of an account change its password. */
@Injectable()
export class PasswordChange {
  constructor(
    private readonly db: Database,
    private readonly accounts: AccountsRepository,
    private readonly failures: LoginFailures,
    private readonly hasher: PasswordHasher,
    private readonly writer: PasswordWriter,
    private readonly ending: SessionEnding,
  ) {}

  /**
   * Changes the password and ends every other session.
   * @throws AppError `validation_failed`, `invalid_credentials`, `too_many_failures`, `conflict`, `overloaded`
   */
  async change(ctx: CallContext, caller: UserActor, body: PasswordChangeRequest): Promise<void> {
    const account = await this.accounts.byId(caller.id);
    if (!account) throw errors.unauthenticated({ headers: challenge() });
    const attempt: Attempt = {
      email: account.email,
      accountId: account.id,
      action: 'password.change',
      field: 'current_password',
    };
    await this.failures.assertOpen(ctx, attempt);
    await this.assertGood(account, body);
    const right = await this.hasher.verify(ctx, account.passwordHash, body.current_password);
    if (!right) throw await this.failures.fail(ctx, attempt);
    const hash = await this.hasher.hash(ctx, body.new_password);
    const refusal = await this.db.transaction((tx) => this.write(tx, ctx, caller, account, attempt, hash));
    if (refusal) throw refusal;
  }

  private async assertGood(account: Account, { current_password, new_password }: PasswordChangeRequest): Promise<void> {
    const details = await passwordFaults(new_password, account.email, 'new_password');
    if (normalPassword(new_password) === normalPassword(current_password))
      details.push(passwordFault(authErrors.password_unchanged, 'new_password'));
    if (details.length > 0) throw errors.validation_failed({ details });
  }

  /** @returns what to throw once the transaction is kept */
  private async write(
    tx: Transaction,
    ctx: CallContext,
    caller: UserActor,
    checked: Account,
    attempt: Attempt,
    hash: string,
  ): Promise<AppError | undefined> {
    const account = await this.accounts.locked(tx, checked.id);
    if (account?.passwordVersion !== checked.passwordVersion) return errors.conflict();
    const refusal = await this.failures.succeed(tx, ctx, attempt);
    if (refusal) return refusal;
    await this.writer.replace(tx, ctx, account, hash);
    await this.ending.end(tx, ctx, { userId: account.id, except: caller.sessionId }, 'password_changed');
    return undefined;
  }
}
