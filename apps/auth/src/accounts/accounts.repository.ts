import { Injectable } from '@nestjs/common';
import { Database, type Sql, type Transaction } from '@nexus/database';
import type { Role } from '@nexus/kernel';
import { AccountEntity } from './account.entity.js';

const COLUMNS = `id, email, password_hash AS "passwordHash", password_version AS "passwordVersion", role,
  email_verified AS "emailVerified", status, status_version AS "statusVersion", locked_at AS "lockedAt", version,
  created_at AS "createdAt", updated_at AS "updatedAt"`;

const BY_EMAIL = `SELECT ${COLUMNS} FROM auth.accounts WHERE email = $1`;
const BY_ID = `SELECT ${COLUMNS} FROM auth.accounts WHERE id = $1`;
const BY_ID_SHARED = `${BY_ID} FOR SHARE`;
const INSERT = `
  INSERT INTO auth.accounts (id, email, password_hash, role, email_verified, created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING ${COLUMNS}`;
const REHASH = 'UPDATE auth.accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2';

/** A row of `auth.accounts`. */
export type Account = Readonly<AccountEntity>;

/** What a new account starts with. */
export interface NewAccount {
  readonly id: string;
  readonly email: string;
  readonly passwordHash: string;
  readonly role: Role;
  readonly emailVerified: boolean;
}

@Injectable()
export class AccountsRepository {
  constructor(private readonly db: Database) {}

  /** @throws a unique violation of `accounts_email_key` */
  async insert(tx: Transaction, account: NewAccount, at: Date): Promise<Account> {
    const { id, email, passwordHash, role, emailVerified } = account;
    const [row] = await tx.prepared<Account>(INSERT, [id, email, passwordHash, role, emailVerified, at]);
    return row as Account;
  }

  /** Whether anybody is an admin, locked or not. */
  async hasAdmin(): Promise<boolean> {
    return (await this.db.prepared("SELECT 1 FROM auth.accounts WHERE role = 'admin' LIMIT 1")).length > 0;
  }

  async byEmail(email: string): Promise<Account | undefined> {
    return (await this.db.prepared<Account>(BY_EMAIL, [email]))[0];
  }

  async byId(id: string, sql: Sql = this.db): Promise<Account | undefined> {
    return (await sql.prepared<Account>(BY_ID, [id]))[0];
  }

  /** Reads the account and keeps others from changing it until the transaction ends. */
  async shared(tx: Transaction, id: string): Promise<Account | undefined> {
    return (await tx.prepared<Account>(BY_ID_SHARED, [id]))[0];
  }

  /** Reads the account for a change. */
  async locked(tx: Transaction, id: string): Promise<AccountEntity | undefined> {
    const found = await tx.manager.findOne(AccountEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
    return found ?? undefined;
  }

  /** Reads the admins who can sign in, for a change: whoever takes one away waits for the others who do. */
  async lockedAdmins(tx: Transaction): Promise<string[]> {
    const rows = await tx.prepared<{ id: string }>(
      `SELECT id FROM auth.accounts WHERE role = 'admin' AND locked_at IS NULL AND status = 'active' ORDER BY id FOR UPDATE`,
    );
    return rows.map((row) => row.id);
  }

  /** Writes a changed account as its next version. */
  async save(tx: Transaction, account: AccountEntity, at: Date): Promise<AccountEntity> {
    account.version += 1;
    account.updatedAt = at;
    return tx.manager.save(AccountEntity, account);
  }

  /** Puts a hash with other parameters in place of one; the password stays the same. */
  async rehash(id: string, from: string, to: string): Promise<void> {
    await this.db.prepared(REHASH, [id, from, to]);
  }
}
