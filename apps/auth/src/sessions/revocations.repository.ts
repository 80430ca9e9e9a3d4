import { Injectable } from '@nestjs/common';
import type { Revocation } from '@nexus/contracts';
import { Database, type Sql, type Transaction } from '@nexus/database';

/** A revocation that has no number yet. */
export interface NewRevocation {
  readonly sessionId: string;
  /** Null: every token of the session. */
  readonly minVersion: number | null;
  readonly expiresAt: Date;
}

interface RevocationRow {
  readonly seq: string;
  readonly session_id: string;
  readonly min_version: number | null;
  readonly expires_at: Date;
}

// The counter's row is locked until the commit: numbers are given in the order of the commits, and a rollback gives
// its numbers back.
const APPEND = `
  WITH counter AS (UPDATE auth.revocation_counter SET last_seq = last_seq + cardinality($1::uuid[]) RETURNING last_seq)
  INSERT INTO auth.revocations (seq, session_id, min_version, expires_at)
  SELECT counter.last_seq - cardinality($1::uuid[]) + entry.place, entry.session_id, entry.min_version, entry.expires_at
  FROM counter, unnest($1::uuid[], $2::int[], $3::timestamptz[])
    WITH ORDINALITY AS entry (session_id, min_version, expires_at, place)
  RETURNING seq, session_id, min_version, expires_at`;
// One statement, one snapshot: the head fits the entries.
const SINCE = `
  SELECT counter.last_seq, entry.seq, entry.session_id, entry.min_version, entry.expires_at
  FROM auth.revocation_counter counter
  LEFT JOIN auth.revocations entry ON entry.seq > $1 AND entry.expires_at > $2
  ORDER BY entry.seq`;
/** The numbered list of sessions whose access tokens count no more. */
@Injectable()
export class RevocationsRepository {
  constructor(private readonly db: Database) {}

  /**
   * Appends entries with the next numbers. Until the transaction ends nobody else can: call it last.
   * @returns the entries in the order of their numbers
   */
  async append(tx: Transaction, entries: readonly NewRevocation[]): Promise<Revocation[]> {
    if (entries.length === 0) return [];
    const rows = await tx.prepared<RevocationRow>(APPEND, [
      entries.map((entry) => entry.sessionId),
      entries.map((entry) => entry.minVersion),
      entries.map((entry) => entry.expiresAt),
    ]);
    return rows.map(toRevocation).sort((a, b) => a.seq - b.seq);
  }

  /** Entries after a number that can still matter, and the newest number of all. */
  async since(after: number, at: Date): Promise<{ entries: Revocation[]; head: number }> {
    const rows = await this.db.prepared<RevocationRow & { last_seq: string }>(SINCE, [after, at]);
    const entries = rows.filter((row) => row.seq !== null).map(toRevocation);
    return { entries, head: Number(rows[0]?.last_seq ?? 0) };
  }

  /** The newest number; 0 when there is none. */
  async head(): Promise<number> {
    const [row] = await this.db.prepared<{ last_seq: string }>('SELECT last_seq FROM auth.revocation_counter');
    return Number(row?.last_seq ?? 0);
  }

  /** @returns how many entries went */
  async removeExpired(at: Date, sql: Sql = this.db): Promise<number> {
    const gone = await sql.prepared('DELETE FROM auth.revocations WHERE expires_at < $1 RETURNING seq', [at]);
    return gone.length;
  }
}

function toRevocation(row: RevocationRow): Revocation {
  return {
    seq: Number(row.seq),
    session_id: row.session_id,
    min_version: row.min_version,
    expires_at: row.expires_at.toISOString(),
  };
}
