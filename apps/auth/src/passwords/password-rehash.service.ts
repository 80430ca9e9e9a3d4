import { Inject, Injectable } from '@nestjs/common';
import type { CallContext } from '@nexus/kernel';
import { LOGGER, type Logger } from '@nexus/observability';
import { type Account, AccountsRepository } from '../accounts/accounts.repository.js';
import { PasswordHasher } from './password-hasher.service.js';

/** Brings hashes that were made with other parameters up to date, at the only moment the password is known. */
@Injectable()
export class PasswordRehash {
  constructor(
    private readonly hasher: PasswordHasher,
    private readonly accounts: AccountsRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Never throws: the sign-in has succeeded, and the next one will try again. */
  async whenOutdated(ctx: CallContext, account: Account, password: string): Promise<void> {
    try {
      if (!(await this.hasher.isOutdated(account.passwordHash))) return;
      await this.accounts.rehash(account.id, account.passwordHash, await this.hasher.hash(ctx, password));
    } catch (error) {
      this.logger.warn('A password could not be hashed anew', { 'user.id': account.id, error });
    }
  }
}
