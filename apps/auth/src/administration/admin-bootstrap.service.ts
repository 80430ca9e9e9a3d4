import { Inject, Injectable } from '@nestjs/common';
import { type OnServiceStart, StartReport } from '@nexus/bootstrap';
import { ConfigError } from '@nexus/config';
import { Database } from '@nexus/database';
import { AppError, type CallContext } from '@nexus/kernel';
import { AccountCreation } from '../accounts/account-creation.service.js';
import { type Account, AccountsRepository } from '../accounts/accounts.repository.js';
import { People } from '../accounts/people.service.js';
import { type AuthConfig, authConfig } from '../auth.config.js';
import { PasswordHasher } from '../passwords/password-hasher.service.js';
import { passwordFaults } from '../passwords/password-policy.service.js';

/** What became of the first admin; in the start report under `admin`. */
export interface AdminResult {
  readonly email: string;
  /** False when there was an admin, or somebody with that address. */
  readonly created: boolean;
}

const NAME = 'Administrator';

/** Makes the first admin, as `ADMIN_EMAIL` and `ADMIN_PASSWORD` say. */
@Injectable()
export class AdminBootstrap implements OnServiceStart {
  /** Undefined when none is configured. */
  result: AdminResult | undefined;

  constructor(
    private readonly db: Database,
    private readonly accounts: AccountsRepository,
    private readonly creation: AccountCreation,
    private readonly hasher: PasswordHasher,
    private readonly people: People,
    private readonly report: StartReport,
    @Inject(authConfig.token) private readonly config: AuthConfig,
  ) {}

  /** @throws ConfigError when the password breaks the policy */
  async onServiceStart(ctx: CallContext): Promise<void> {
    const { ADMIN_EMAIL, ADMIN_PASSWORD } = this.config;
    if (!ADMIN_EMAIL || !ADMIN_PASSWORD) return;
    this.result = { email: ADMIN_EMAIL, created: await this.ensure(ctx, ADMIN_EMAIL, ADMIN_PASSWORD) };
    this.report.set('admin', this.result);
  }

  private async ensure(ctx: CallContext, email: string, password: string): Promise<boolean> {
    // Only the first: whoever starts with other variables later must not become one more admin.
    if ((await this.accounts.hasAdmin()) || (await this.accounts.byEmail(email))) return false;
    const faults = await passwordFaults(password, email, 'ADMIN_PASSWORD');
    if (faults.length > 0)
      throw new ConfigError(faults.map((fault) => `ADMIN_PASSWORD: ${fault.message.replace(/\.$/, '')}`));
    const passwordHash = await this.hasher.hash(ctx, password);
    const account = await this.create(ctx, email, passwordHash);
    if (account) await this.people.ensure(ctx, account, NAME);
    return account !== undefined;
  }

  /** @returns undefined when another process was first */
  private async create(ctx: CallContext, email: string, passwordHash: string): Promise<Account | undefined> {
    const person = { email, name: NAME, passwordHash, role: 'admin', emailVerified: true } as const;
    try {
      return await this.db.transaction((tx) => this.creation.create(tx, ctx, person));
    } catch (error) {
      if (error instanceof AppError && error.code === 'email_taken') return undefined;
      throw error;
    }
  }
}
