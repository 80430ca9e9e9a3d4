import { Inject, Injectable } from '@nestjs/common';
import { type DirectoryUser, UserDirectory } from '@nexus/contracts';
import { type CallContext, errors, serviceActor } from '@nexus/kernel';
import { LOGGER, type Logger } from '@nexus/observability';
import type { Account } from './accounts.repository.js';

/** How long a sign-in waits for the user service. What is missing then, the event brings. */
const WAIT_MS = 2_000;

/**
 * The profile of an account's owner, from the user service. Signing in works without that service: then the answer
 * holds what is known here.
 */
@Injectable()
export class People {
  constructor(
    private readonly directory: UserDirectory,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Makes the profile of a new account. Never throws: `account.registered` repairs what is lost. */
  async ensure(ctx: CallContext, account: Account, name: string): Promise<DirectoryUser> {
    const found = await this.ask(ctx, account, (limited) => this.directory.ensure(limited, facts(account, name)));
    return merge(account, found, name);
  }

  /** The profile of an account's owner. Never throws. */
  async describe(ctx: CallContext, account: Account): Promise<DirectoryUser> {
    const found = await this.ask(ctx, account, async (limited) => {
      const { users } = await this.directory.find(limited, { ids: [account.id] });
      return users[0];
    });
    return merge(account, found, localPart(account.email));
  }

  /** Tells the profile of a changed account before the event does. Never throws. */
  async update(ctx: CallContext, account: Account): Promise<void> {
    await this.ask(ctx, account, async (limited) => {
      const { users } = await this.directory.find(limited, { ids: [account.id] });
      return users[0] && this.directory.ensure(limited, facts(account, users[0].name));
    });
  }

  private async ask(
    ctx: CallContext,
    account: Account,
    call: (limited: CallContext) => Promise<DirectoryUser | undefined>,
  ): Promise<DirectoryUser | undefined> {
    const expiry = AbortSignal.timeout(WAIT_MS);
    const limited: CallContext = {
      ...ctx,
      // Nobody is signed in yet, and these are the service's own repairs.
      actor: serviceActor('auth'),
      deadline: Math.min(ctx.deadline, Date.now() + WAIT_MS),
      signal: AbortSignal.any([ctx.signal, expiry]),
    };
    try {
      return await Promise.race([call(limited), expired(limited.signal)]);
    } catch (error) {
      this.logger.warn('The user service did not answer in time; its event handler repairs this', {
        'user.id': account.id,
        'http.request.id': ctx.requestId,
        'trace.id': ctx.trace.traceId,
        error,
      });
      return undefined;
    }
  }
}

function expired(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = () => reject(errors.timed_out());
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}

function facts(account: Account, name: string) {
  return {
    id: account.id,
    email: account.email,
    name,
    role: account.role,
    email_verified: account.emailVerified,
    account_version: account.version,
  };
}

function localPart(email: string): string {
  return email.slice(0, email.lastIndexOf('@'));
}

/** What auth owns is told by auth, whatever the directory has heard so far. */
function merge(account: Account, found: DirectoryUser | undefined, name: string): DirectoryUser {
  const base = found ?? {
    id: account.id,
    name,
    status: account.status,
    locale: 'en',
    timezone: 'UTC',
    version: 1,
    created_at: account.createdAt.toISOString(),
    updated_at: account.createdAt.toISOString(),
  };
  return { ...base, email: account.email, role: account.role, email_verified: account.emailVerified };
}
