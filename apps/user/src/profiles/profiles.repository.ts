import { Injectable } from '@nestjs/common';
import type { AccountFacts, DirectoryUser } from '@nexus/contracts';
import { Conditions, Database, type KeysetList, keysetPage, prefixQuery, type Sql, searchWords } from '@nexus/database';
import type { Page, Role } from '@nexus/kernel';
import type { PROFILE_SORTS, ProfileQuery } from './profile.schemas.js';

export interface ProfileRow {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly bio: string | null;
  readonly locale: string;
  readonly timezone: string;
  readonly phone: string | null;
  readonly role: Role;
  readonly email_verified: boolean;
  readonly status: DirectoryUser['status'];
  readonly account_version: number;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** What the person or an administrator may change. */
export type ProfileFields = Pick<ProfileRow, 'name' | 'bio' | 'locale' | 'timezone' | 'phone'>;
/** What auth owns. */
export type AccountFields = Pick<AccountFacts, 'id' | 'email' | 'role' | 'email_verified' | 'account_version'>;

const COLUMNS = `id, email, name, bio, locale, timezone, phone, role, email_verified, status, account_version, version,
  created_at, updated_at`;

const FIND = `SELECT ${COLUMNS} FROM "user".profiles WHERE id = $1`;
const FIND_MANY = `SELECT ${COLUMNS} FROM "user".profiles WHERE id = ANY($1::uuid[])`;
// In the order of ids, so that two who lock the same people never wait for each other in a circle.
const LOCK = `SELECT ${COLUMNS} FROM "user".profiles WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`;
const INSERT = `
  INSERT INTO "user".profiles (id, email, name, role, email_verified, account_version, search)
  VALUES ($1, $2, $3, $4, $5, $6, array_to_tsvector($7::text[]))
  ON CONFLICT (id) DO NOTHING RETURNING ${COLUMNS}`;
const UPDATE_ACCOUNT = `
  UPDATE "user".profiles SET email = $2, role = $3, email_verified = $4, account_version = $5,
    search = array_to_tsvector($6::text[]), version = version + 1, updated_at = now()
  WHERE id = $1 RETURNING ${COLUMNS}`;
const UPDATE_FIELDS = `
  UPDATE "user".profiles SET name = $2, bio = $3, locale = $4, timezone = $5, phone = $6,
    search = array_to_tsvector($7::text[]), version = version + 1, updated_at = now()
  WHERE id = $1 RETURNING ${COLUMNS}`;
const UPDATE_STATUS = `
  UPDATE "user".profiles SET status = $2, version = version + 1, updated_at = now() WHERE id = $1 RETURNING ${COLUMNS}`;

// Compared as bytes after folding: the same order on every server, and the expressions that are indexed.
const NAME = 'lower(name) COLLATE "C"';
const EMAIL = 'lower(email) COLLATE "C"';
const LIST: KeysetList<(typeof PROFILE_SORTS)[number]> = {
  select: COLUMNS,
  from: '"user".profiles',
  id: 'id',
  orders: {
    created_at: { sql: 'created_at', type: 'timestamptz' },
    '-created_at': { sql: 'created_at', type: 'timestamptz', descending: true },
    name: { sql: NAME, type: 'text' },
    '-name': { sql: NAME, type: 'text', descending: true },
    email: { sql: EMAIL, type: 'text' },
    '-email': { sql: EMAIL, type: 'text', descending: true },
  },
};

function wordsOf(name: string, email: string): string[] {
  return searchWords(`${name} ${email}`);
}

/** Rows of `"user".profiles`. */
@Injectable()
export class ProfilesRepository {
  constructor(private readonly db: Database) {}

  async find(id: string): Promise<ProfileRow | undefined> {
    return (await this.db.prepared<ProfileRow>(FIND, [id]))[0];
  }

  findMany(ids: readonly string[]): Promise<ProfileRow[]> {
    return this.db.prepared<ProfileRow>(FIND_MANY, [ids]);
  }

  list(query: ProfileQuery): Promise<Page<ProfileRow>> {
    const where = new Conditions();
    if (query.role) where.add((role) => `role = ${role}`, query.role);
    if (query.status) where.add((status) => `status = ${status}`, query.status);
    if (query.email) where.add((email) => `${EMAIL} = lower(${email}::text) COLLATE "C"`, query.email);
    if (query.q) {
      const found = prefixQuery(query.q);
      if (found === undefined) where.and('false');
      else where.add((words) => `search @@ ${words}::tsquery`, found);
    }
    return keysetPage<ProfileRow, (typeof PROFILE_SORTS)[number]>(this.db, LIST, where, query);
  }

  /** Locks these people until the end of the transaction; unknown ones are left out. */
  lock(tx: Sql, ids: readonly string[]): Promise<ProfileRow[]> {
    return tx.prepared<ProfileRow>(LOCK, [ids]);
  }

  /** @returns undefined when the person is there already */
  async insert(tx: Sql, facts: AccountFacts): Promise<ProfileRow | undefined> {
    const { id, email, name, role, email_verified, account_version } = facts;
    const values = [id, email, name, role, email_verified, account_version, wordsOf(name, email)];
    return (await tx.prepared<ProfileRow>(INSERT, values))[0];
  }

  async updateAccount(tx: Sql, { name }: ProfileRow, facts: AccountFields): Promise<ProfileRow> {
    const { id, email, role, email_verified, account_version } = facts;
    const values = [id, email, role, email_verified, account_version, wordsOf(name, email)];
    return (await tx.prepared<ProfileRow>(UPDATE_ACCOUNT, values))[0] as ProfileRow;
  }

  async updateFields(tx: Sql, { id, email }: ProfileRow, fields: ProfileFields): Promise<ProfileRow> {
    const { name, bio, locale, timezone, phone } = fields;
    const values = [id, name, bio, locale, timezone, phone, wordsOf(name, email)];
    return (await tx.prepared<ProfileRow>(UPDATE_FIELDS, values))[0] as ProfileRow;
  }

  async updateStatus(tx: Sql, id: string, status: ProfileRow['status']): Promise<ProfileRow> {
    return (await tx.prepared<ProfileRow>(UPDATE_STATUS, [id, status]))[0] as ProfileRow;
  }
}
