import { Injectable } from '@nestjs/common';
import type { PublicJwk } from '@nexus/contracts';
import { Database, type Sql, type Transaction } from '@nexus/database';

/** A row of `auth.signing_keys`. */
export interface StoredKey {
  readonly kid: string;
  readonly jwk: PublicJwk;
  readonly sealed: Buffer;
  readonly createdAt: Date;
  /** From when on it signs. */
  readonly activeFrom: Date;
  /** When the last token it signed has expired; null while no successor is known. */
  readonly retireAt: Date | null;
}

/** "auth" and "keys" in ASCII: the advisory lock of whoever makes a key. */
const LOCK = [0x61757468, 0x6b657973];

@Injectable()
export class SigningKeysRepository {
  constructor(private readonly db: Database) {}

  /** Keys whose tokens may still be valid, oldest first. */
  async inUse(at: Date, sql: Sql = this.db): Promise<StoredKey[]> {
    return sql.prepared<StoredKey>(
      `SELECT kid, public_jwk AS jwk, sealed_key AS sealed, created_at AS "createdAt", active_from AS "activeFrom",
         retire_at AS "retireAt"
       FROM auth.signing_keys WHERE retire_at IS NULL OR retire_at > $1 ORDER BY active_from, kid`,
      [at],
    );
  }

  /** Lets one process at a time decide about keys, until the transaction ends. */
  async exclusively(tx: Transaction): Promise<void> {
    await tx.prepared('SELECT pg_advisory_xact_lock($1, $2)', LOCK);
  }

  async insert(tx: Transaction, key: Omit<StoredKey, 'retireAt'>): Promise<void> {
    await tx.prepared(
      `INSERT INTO auth.signing_keys (kid, public_jwk, sealed_key, created_at, active_from) VALUES ($1, $2, $3, $4, $5)`,
      [key.kid, JSON.stringify(key.jwk), key.sealed, key.createdAt, key.activeFrom],
    );
  }

  /** Gives every key but the new one its end. */
  async retireOthers(tx: Transaction, kid: string, at: Date): Promise<void> {
    await tx.prepared('UPDATE auth.signing_keys SET retire_at = $2 WHERE kid <> $1 AND retire_at IS NULL', [kid, at]);
  }

  /** @returns how many keys went */
  async removeRetired(at: Date): Promise<number> {
    const gone = await this.db.prepared('DELETE FROM auth.signing_keys WHERE retire_at < $1 RETURNING kid', [at]);
    return gone.length;
  }
}
