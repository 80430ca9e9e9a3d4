import { Injectable } from '@nestjs/common';
import { Database, type Sql, type Transaction } from '@nexus/database';

/** A row of `auth.login_failures`. */
export interface FailureRow {
  readonly failedAt: readonly Date[];
  readonly strikes: number;
  readonly nextAllowedAt: Date | null;
  readonly lastFailedAt: Date;
}

const COLUMNS =
  'failed_at AS "failedAt", strikes, next_allowed_at AS "nextAllowedAt", last_failed_at AS "lastFailedAt"';
const READ = `SELECT ${COLUMNS} FROM auth.login_failures WHERE digest = $1`;
const LOCK = `${READ} FOR UPDATE`;
const TAKE = `
  INSERT INTO auth.login_failures (digest, failed_at, strikes, last_failed_at) VALUES ($1, '{}', 0, '-infinity')
  ON CONFLICT (digest) DO UPDATE SET strikes = login_failures.strikes
  RETURNING ${COLUMNS}`;
const SAVE = `
  UPDATE auth.login_failures SET failed_at = $2, strikes = $3, next_allowed_at = $4, last_failed_at = $5 WHERE digest = $1`;

/** Failures by a digest of the e-mail address, so that addresses nobody has can be counted without being kept. */
@Injectable()
export class LoginFailuresRepository {
  constructor(private readonly db: Database) {}

  async read(digest: Buffer, sql: Sql = this.db): Promise<FailureRow | undefined> {
    return (await sql.prepared<FailureRow>(READ, [digest]))[0];
  }

  /** Reads for a change what there is. */
  async lock(tx: Transaction, digest: Buffer): Promise<FailureRow | undefined> {
    return (await tx.prepared<FailureRow>(LOCK, [digest]))[0];
  }

  /** As {@link lock}, and makes an empty row where there is none. */
  async take(tx: Transaction, digest: Buffer): Promise<FailureRow> {
    return (await tx.prepared<FailureRow>(TAKE, [digest]))[0] as FailureRow;
  }

  async save(tx: Transaction, digest: Buffer, row: FailureRow): Promise<void> {
    await tx.prepared(SAVE, [digest, row.failedAt, row.strikes, row.nextAllowedAt, row.lastFailedAt]);
  }

  async remove(sql: Sql, digest: Buffer): Promise<void> {
    await sql.prepared('DELETE FROM auth.login_failures WHERE digest = $1', [digest]);
  }

  /** @returns how many rows went */
  async removeOlder(than: Date): Promise<number> {
    const gone = await this.db.prepared('DELETE FROM auth.login_failures WHERE last_failed_at < $1 RETURNING strikes', [
      than,
    ]);
    return gone.length;
  }
}
