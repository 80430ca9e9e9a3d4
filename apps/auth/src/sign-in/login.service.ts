import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@nexus/database';
import type { AppError, CallContext } from '@nexus/kernel';
import { barredBy } from '../accounts/account.entity.js';
import { type Account, AccountsRepository } from '../accounts/accounts.repository.js';
import { People } from '../accounts/people.service.js';
import { type Attempt, LoginFailures } from '../passwords/login-failures.service.js';
import { PasswordHasher } from '../passwords/password-hasher.service.js';
import { PasswordRehash } from '../passwords/password-rehash.service.js';
import { type Grant, SessionIssuer } from '../sessions/session-issuer.service.js';
import type { LoginRequest, SignedIn } from './sign-in.schemas.js';

type Outcome =
  | { readonly account: Account; readonly grant: Grant }
  | { readonly refusal: AppError }
  | 'password_changed';

/** Signs people in with their password. */
@Injectable()
export class Login {
  constructor(
    private readonly db: Database,
    private readonly accounts: AccountsRepository,
    private readonly failures: LoginFailures,
    private readonly hasher: PasswordHasher,
    private readonly rehash: PasswordRehash,
    private readonly issuer: SessionIssuer,
    private readonly people: People,
  ) {}

  /**
   * Takes the same steps, and the same time, whether or not somebody has the e-mail address.
   * @throws AppError `invalid_credentials`, `too_many_failures`, `account_locked`, `account_disabled`, `overloaded`
   */
  async login(ctx: CallContext, { email, password }: LoginRequest): Promise<SignedIn> {
    const found = await this.accounts.byEmail(email);
    const attempt: Attempt = { email, accountId: found?.id, action: 'session.start' };
    await this.failures.assertOpen(ctx, attempt);
    const right = await this.hasher.verify(ctx, found?.passwordHash, password);
    if (!found || !right) throw await this.failures.fail(ctx, attempt);
    // Refusals are thrown after the commit, which keeps their audit records.
    const outcome = await this.db.transaction((tx) => this.open(tx, ctx, attempt, found));
    if (outcome === 'password_changed') throw await this.failures.fail(ctx, attempt);
    if ('refusal' in outcome) throw outcome.refusal;
    const [user, tokens] = await Promise.all([
      this.people.describe(ctx, outcome.account),
      this.issuer.tokens(outcome.account, outcome.grant),
    ]);
    await this.rehash.whenOutdated(ctx, outcome.account, password);
    return { user, tokens };
  }

  /** Opens a session for the account as it is now: it may have been barred while the password was checked. */
  private async open(tx: Transaction, ctx: CallContext, attempt: Attempt, checked: Account): Promise<Outcome> {
    const account = await this.accounts.shared(tx, checked.id);
    if (account?.passwordVersion !== checked.passwordVersion) return 'password_changed';
    const refusal = await this.failures.succeed(tx, ctx, attempt);
    if (refusal) return { refusal };
    const bar = barredBy(account);
    if (bar) return { refusal: await this.failures.bar(tx, ctx, attempt, bar) };
    return { account, grant: await this.issuer.open(tx, ctx, account.id, ['pwd']) };
  }
}
