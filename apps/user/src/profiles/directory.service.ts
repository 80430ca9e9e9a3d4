import { Injectable } from '@nestjs/common';
import { ResponseCache } from '@nexus/caching';
import type { AccountFacts, DirectoryUser } from '@nexus/contracts';
import { Database, type Transaction } from '@nexus/database';
import { type AccountFields, type ProfileRow, ProfilesRepository } from './profiles.repository.js';
import { userTag } from './profiles.service.js';

function toDirectoryUser(row: ProfileRow): DirectoryUser {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    role: row.role,
    email_verified: row.email_verified,
    status: row.status,
    locale: row.locale,
    timezone: row.timezone,
    version: row.version,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** People as the other services know them, and what auth tells about them. */
@Injectable()
export class DirectoryService {
  constructor(
    private readonly db: Database,
    private readonly profiles: ProfilesRepository,
    private readonly cache: ResponseCache,
  ) {}

  /** Makes the profile of an account, or brings it up to date; see {@link ensureWithin}. */
  ensure(facts: AccountFacts): Promise<DirectoryUser> {
    return this.db.transaction((tx) => this.ensureWithin(tx, facts));
  }

  /**
   * As {@link ensure}, in a running transaction. The call and the event that repairs it may come in any order, twice or
   * at once: the account's version decides. The name is auth's only at the start; from then on it is the person's.
   */
  async ensureWithin(tx: Transaction, facts: AccountFacts): Promise<DirectoryUser> {
    const made = await this.profiles.insert(tx, facts);
    if (!made) return toDirectoryUser(await this.refresh(tx, facts));
    this.dropAnswers(tx, facts.id);
    return toDirectoryUser(made);
  }

  /**
   * Brings e-mail, verification and role of a known person up to date.
   * @throws Error for a person who is not known yet: events keep no order, and without the name of the registration
   * there is nothing to make a profile of; the event is delivered again
   */
  async refresh(tx: Transaction, facts: AccountFields): Promise<ProfileRow> {
    const [row] = await this.profiles.lock(tx, [facts.id]);
    if (!row) throw new Error('The account changed before its registration was heard of');
    if (facts.account_version <= row.account_version) return row;
    const updated = await this.profiles.updateAccount(tx, row, facts);
    this.dropAnswers(tx, facts.id);
    return updated;
  }

  /** The people with these ids; unknown ids are left out. */
  async find(ids: readonly string[]): Promise<DirectoryUser[]> {
    return ids.length === 0 ? [] : (await this.profiles.findMany(ids)).map(toDirectoryUser);
  }

  private dropAnswers(tx: Transaction, id: string): void {
    tx.afterCommit(() => this.cache.invalidate([userTag(id)]));
  }
}
