import { type AccountFacts, type DirectoryUser, UserDirectory } from '@nexus/contracts';
import type { CallContext } from '@nexus/kernel';

/** People in memory: stands in for the user service where it is not under test. */
export class MemoryUserDirectory extends UserDirectory {
  readonly users = new Map<string, DirectoryUser>();
  /** Every call so far, in order. */
  readonly calls: { readonly method: 'ensure' | 'find'; readonly ctx: CallContext; readonly input: unknown }[] = [];
  /** Runs before each answer: throws, or waits, as a service in trouble would. */
  trouble: (() => Promise<void> | void) | undefined;

  async ensure(ctx: CallContext, input: AccountFacts): Promise<DirectoryUser> {
    this.calls.push({ method: 'ensure', ctx, input });
    await this.trouble?.();
    const { account_version: _, ...facts } = input;
    const known = this.users.get(input.id);
    const now = new Date().toISOString();
    const user: DirectoryUser = known
      ? { ...known, email: facts.email, role: facts.role, email_verified: facts.email_verified, updated_at: now }
      : { ...facts, status: 'active', locale: 'en', timezone: 'UTC', version: 1, created_at: now, updated_at: now };
    this.users.set(user.id, user);
    return user;
  }

  async find(ctx: CallContext, input: { ids: string[] }): Promise<{ users: DirectoryUser[] }> {
    this.calls.push({ method: 'find', ctx, input });
    await this.trouble?.();
    return { users: input.ids.flatMap((id) => this.users.get(id) ?? []) };
  }
}
