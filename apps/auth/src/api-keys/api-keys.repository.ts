import { Injectable } from '@nestjs/common';
import { Conditions, Database, type KeysetList, keysetPage, type Sql, type Transaction } from '@nexus/database';
import type { Page, Role } from '@nexus/kernel';
import type { ApiKeyQuery } from './api-keys.schemas.js';

/** A row of `auth.api_keys` without its digest. */
export interface ApiKey {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  /** Access tokens made for a lower one are refused. */
  readonly version: number;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
}

export interface NewApiKeyRow extends Omit<ApiKey, 'version' | 'lastUsedAt'> {
  /** SHA-256 of the key in base64url. */
  readonly digest: string;
}

/** A key that can be used, and whose it is. */
export type HeldKey = Pick<ApiKey, 'id' | 'userId' | 'scopes' | 'version' | 'expiresAt' | 'lastUsedAt'> & {
  readonly role: Role;
};

const COLUMNS = `id, user_id AS "userId", name, prefix, scopes, version, created_at AS "createdAt",
  expires_at AS "expiresAt", last_used_at AS "lastUsedAt"`;

const LIST: KeysetList<ApiKeyQuery['sort']> = {
  select: COLUMNS,
  from: 'auth.api_keys',
  id: 'id',
  orders: {
    '-created_at': { sql: 'created_at', type: 'timestamptz', descending: true },
    created_at: { sql: 'created_at', type: 'timestamptz' },
  },
};

const INSERT = `
  INSERT INTO auth.api_keys (id, user_id, name, prefix, digest, scopes, created_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}`;
const COUNT_LIVING = `
  SELECT count(*)::int AS total FROM auth.api_keys WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > $2)`;
const HELD = `
  SELECT key.id, key.user_id AS "userId", key.scopes, key.version, key.expires_at AS "expiresAt",
    key.last_used_at AS "lastUsedAt", account.role
  FROM auth.api_keys key JOIN auth.accounts account ON account.id = key.user_id
  WHERE key.digest = $1 AND (key.expires_at IS NULL OR key.expires_at > $2)
    AND account.status = 'active' AND account.locked_at IS NULL`;
const REMOVE = `DELETE FROM auth.api_keys WHERE id = $2 AND user_id = $1 RETURNING ${COLUMNS}`;
// Locked in the order of their ids, so that two who do it at once do not wait for each other.
const OUTDATE = `
  UPDATE auth.api_keys SET version = version + 1
  WHERE id IN (SELECT id FROM auth.api_keys WHERE user_id = $1 ORDER BY id FOR UPDATE) RETURNING id, version`;
// Whoever holds a row does something that counts more than a time of use.
const NOTE_USES = `
  UPDATE auth.api_keys key SET last_used_at = used.at
  FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at)
  WHERE key.id = used.id AND (key.last_used_at IS NULL OR key.last_used_at <= used.at - $3::int * interval '1 ms')
    AND key.id IN (SELECT id FROM auth.api_keys WHERE id = ANY ($1) FOR UPDATE SKIP LOCKED)`;
const REMOVE_EXPIRED = `
  DELETE FROM auth.api_keys WHERE id IN (
    SELECT id FROM auth.api_keys WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING id`;

const bytes = (digest: string) => Buffer.from(digest, 'base64url');

@Injectable()
export class ApiKeysRepository {
  constructor(private readonly db: Database) {}

  async insert(tx: Transaction, key: NewApiKeyRow): Promise<ApiKey> {
    const { id, userId, name, prefix, digest, scopes, createdAt, expiresAt } = key;
    const values = [id, userId, name, prefix, bytes(digest), scopes, createdAt, expiresAt];
    return (await tx.prepared<ApiKey>(INSERT, values))[0] as ApiKey;
  }

  /** How many keys of a person have not expired; who holds the account keeps others from adding to them. */
  async countLiving(tx: Transaction, userId: string, at: Date): Promise<number> {
    const [row] = await tx.prepared<{ total: number }>(COUNT_LIVING, [userId, at]);
    return row?.total ?? 0;
  }

  /** A person's keys by their age, those among them that have expired. @throws AppError `invalid_cursor` */
  page(userId: string, query: ApiKeyQuery): Promise<Page<ApiKey>> {
    const own = new Conditions().add((value) => `user_id = ${value}`, userId);
    return keysetPage<ApiKey, ApiKeyQuery['sort']>(this.db, LIST, own, query);
  }

  /** The key with a digest, when it can be used: it has not expired and its owner may come in. */
  async held(digest: string, at: Date): Promise<HeldKey | undefined> {
    return (await this.db.prepared<HeldKey>(HELD, [bytes(digest), at]))[0];
  }

  async remove(tx: Transaction, userId: string, id: string): Promise<ApiKey | undefined> {
    return (await tx.prepared<ApiKey>(REMOVE, [userId, id]))[0];
  }

  /** Gives each key of a person its next version, so that the access tokens made for it are refused. */
  async outdate(tx: Transaction, userId: string): Promise<Pick<ApiKey, 'id' | 'version'>[]> {
    return tx.prepared(OUTDATE, [userId]);
  }

  /**
   * Notes when keys were used, where that is so much later than what is noted.
   * @param uses times by the ids of the keys
   */
  async noteUses(uses: ReadonlyMap<string, Date>, precisionMs: number): Promise<void> {
    await this.db.prepared(NOTE_USES, [[...uses.keys()], [...uses.values()], precisionMs]);
  }

  /**
   * Removes keys that expired before this time.
   * @returns how many went
   */
  async removeExpired(before: Date, limit: number, sql: Sql = this.db): Promise<number> {
    return (await sql.prepared(REMOVE_EXPIRED, [before, limit])).length;
  }
}
