import { Injectable } from '@nestjs/common';
import { Database, type Sql, type Transaction } from '@nexus/database';

/** A row of `auth.sessions`. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  readonly generation: number;
  readonly rotatedAt: Date | null;
  /** Access tokens with a lower one are refused. */
  readonly version: number;
  readonly amr: readonly string[];
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  /** No refresh moves {@link expiresAt} beyond it. */
  readonly absoluteExpiresAt: Date;
  /** When the last access token that was handed out expires. */
  readonly tokenExpiresAt: Date;
  readonly endedAt: Date | null;
}

export type NewSession = Omit<Session, 'generation' | 'rotatedAt' | 'version' | 'lastUsedAt' | 'endedAt'>;

/** A session that a change concerns, for its revocation. */
export interface Touched {
  readonly id: string;
  readonly version: number;
  readonly tokenExpiresAt: Date;
}

/** Which of a person's sessions end. */
export interface Ending {
  readonly userId: string;
  /** This one alone. */
  readonly only?: string;
  /** All but this one. */
  readonly except?: string;
}

/** Where a page of sessions begins and how it is sorted. */
export interface SessionPage {
  readonly userId: string;
  readonly at: Date;
  readonly newestFirst: boolean;
  readonly after: { readonly createdAt: Date; readonly id: string } | undefined;
  readonly limit: number;
}

const COLUMNS = `id, user_id AS "userId", generation, rotated_at AS "rotatedAt", version, amr, address,
  user_agent AS "userAgent", created_at AS "createdAt", last_used_at AS "lastUsedAt", expires_at AS "expiresAt",
  absolute_expires_at AS "absoluteExpiresAt", token_expires_at AS "tokenExpiresAt", ended_at AS "endedAt"`;

const INSERT = `
  INSERT INTO auth.sessions
    (id, user_id, amr, address, user_agent, created_at, last_used_at, expires_at, absolute_expires_at, token_expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9) RETURNING ${COLUMNS}`;
const LOCK = `SELECT ${COLUMNS} FROM auth.sessions WHERE id = $1 FOR UPDATE`;
const ROTATE = `
  UPDATE auth.sessions SET generation = generation + 1, rotated_at = $2, last_used_at = $2, expires_at = $3,
    token_expires_at = GREATEST(token_expires_at, $4), address = $5, user_agent = $6
  WHERE id = $1 RETURNING ${COLUMNS}`;
const PROLONG = `
  UPDATE auth.sessions SET token_expires_at = GREATEST(token_expires_at, $2) WHERE id = $1 RETURNING ${COLUMNS}`;
// Locked in the order of their ids, so that two who end the same sessions do not wait for each other.
const END = `
  UPDATE auth.sessions SET ended_at = $2, end_reason = $3
  WHERE id IN (
    SELECT id FROM auth.sessions
    WHERE user_id = $1 AND ended_at IS NULL AND ($4::uuid IS NULL OR id = $4) AND ($5::uuid IS NULL OR id <> $5)
    ORDER BY id FOR UPDATE)
  RETURNING id, version, token_expires_at AS "tokenExpiresAt"`;
const OUTDATE = `
  UPDATE auth.sessions SET version = version + 1
  WHERE id IN (SELECT id FROM auth.sessions WHERE user_id = $1 AND ended_at IS NULL ORDER BY id FOR UPDATE)
  RETURNING id, version, token_expires_at AS "tokenExpiresAt"`;
const ACTIVE = 'user_id = $1 AND ended_at IS NULL AND expires_at > $2';
const COUNT = `SELECT count(*)::int AS total FROM auth.sessions WHERE ${ACTIVE}`;
const REMOVE_OVER = `
  DELETE FROM auth.sessions WHERE id IN (
    SELECT id FROM auth.sessions WHERE LEAST(ended_at, expires_at) < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING id`;

@Injectable()
export class SessionsRepository {
  constructor(private readonly db: Database) {}

  async insert(tx: Transaction, session: NewSession): Promise<Session> {
    const { id, userId, amr, address, userAgent, createdAt, expiresAt, absoluteExpiresAt, tokenExpiresAt } = session;
    const values = [id, userId, amr, address, userAgent, createdAt, expiresAt, absoluteExpiresAt, tokenExpiresAt];
    return (await tx.prepared<Session>(INSERT, values))[0] as Session;
  }

  /** Reads a session for a change; who comes second sees what the first has made of it. */
  async lock(tx: Transaction, id: string): Promise<Session | undefined> {
    return (await tx.prepared<Session>(LOCK, [id]))[0];
  }

  /** Makes the next generation of a locked session. */
  async rotate(
    tx: Transaction,
    id: string,
    change: Pick<Session, 'expiresAt' | 'tokenExpiresAt' | 'address' | 'userAgent'> & { readonly at: Date },
  ): Promise<Session> {
    const { at, expiresAt, tokenExpiresAt, address, userAgent } = change;
    const values = [id, at, expiresAt, tokenExpiresAt, address, userAgent];
    return (await tx.prepared<Session>(ROTATE, values))[0] as Session;
  }

  /** Notes that a locked session has one more access token. */
  async prolongToken(tx: Transaction, id: string, tokenExpiresAt: Date): Promise<Session> {
    return (await tx.prepared<Session>(PROLONG, [id, tokenExpiresAt]))[0] as Session;
  }

  /** Ends those that have not ended. */
  async end(tx: Transaction, which: Ending, at: Date, reason: string): Promise<Touched[]> {
    return tx.prepared<Touched>(END, [which.userId, at, reason, which.only ?? null, which.except ?? null]);
  }

  /** Gives each session its next version, so that the access tokens it has are refused. */
  async outdateTokens(tx: Transaction, userId: string): Promise<Touched[]> {
    return tx.prepared<Touched>(OUTDATE, [userId]);
  }

  /** A person's sessions that can be used, by the time they began. */
  async page({ userId, at, newestFirst, after, limit }: SessionPage): Promise<{ rows: Session[]; total: number }> {
    const [order, beyond] = newestFirst ? ['DESC', '<'] : ['ASC', '>'];
    const from = after ? ` AND (created_at, id) ${beyond} ($4::timestamptz, $5::uuid)` : '';
    const rows = await this.db.prepared<Session>(
      `SELECT ${COLUMNS} FROM auth.sessions WHERE ${ACTIVE}${from} ORDER BY created_at ${order}, id ${order} LIMIT $3`,
      [userId, at, limit, ...(after ? [after.createdAt, after.id] : [])],
    );
    const [count] = await this.db.prepared<{ total: number }>(COUNT, [userId, at]);
    return { rows, total: count?.total ?? 0 };
  }

  /**
   * Removes sessions that were over before this time.
   * @returns how many went
   */
  async removeOver(before: Date, limit: number, sql: Sql = this.db): Promise<number> {
    return (await sql.prepared(REMOVE_OVER, [before, limit])).length;
  }
}
