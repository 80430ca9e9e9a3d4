import { Injectable } from '@nestjs/common';
import { Database } from '@nexus/database';
import type { CallContext } from '@nexus/kernel';
import { AccountCreation } from '../accounts/account-creation.service.js';
import { People } from '../accounts/people.service.js';
import { PasswordHasher } from '../passwords/password-hasher.service.js';
import { SessionIssuer } from '../sessions/session-issuer.service.js';
import type { RegistrationRequest, SignedIn } from './sign-in.schemas.js';

/** Lets people make an account for themselves. */
@Injectable()
export class Registration {
  constructor(
    private readonly db: Database,
    private readonly hasher: PasswordHasher,
    private readonly creation: AccountCreation,
    private readonly issuer: SessionIssuer,
    private readonly people: People,
  ) {}

  /** @throws AppError `email_taken`, `overloaded` */
  async register(ctx: CallContext, { email, name, password }: RegistrationRequest): Promise<SignedIn> {
    const passwordHash = await this.hasher.hash(ctx, password);
    const { account, grant } = await this.db.transaction(async (tx) => {
      const person = { email, name, passwordHash, role: 'user', emailVerified: false } as const;
      const account = await this.creation.create(tx, ctx, person);
      return { account, grant: await this.issuer.open(tx, ctx, account.id, ['pwd']) };
    });
    const [user, tokens] = await Promise.all([
      this.people.ensure(ctx, account, name),
      this.issuer.tokens(account, grant),
    ]);
    return { user, tokens };
  }
}
