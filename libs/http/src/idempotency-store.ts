import type { Sql } from '@nexus/database';
import { errors } from '@nexus/kernel';

/** An answer as it is kept for replay. */
export interface KeptAnswer {
  readonly status: number;
  /** Envelope up to the request id; empty for an answer without a body. */
  readonly head: string;
  readonly etag: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

interface KeptRow {
  readonly fingerprint: string;
  readonly status: number;
  readonly headers: { readonly etag?: string; readonly sent: Readonly<Record<string, string>> };
  readonly body: string;
}

const MAX_KEY_LENGTH = 255;

/**
 * Checks the form of an `Idempotency-Key`.
 * @throws AppError `invalid_idempotency_key`
 */
export function assertKey(key: string): void {
  if (key.length > MAX_KEY_LENGTH || !/^[\x20-\x7e]+$/.test(key)) throw errors.invalid_idempotency_key();
}

/** The kept answers of one service. */
export class IdempotencyStore {
  private readonly table: string;

  /** @param schema the service's */
  constructor(schema: string) {
    this.table = `"${schema}".idempotency_keys`;
  }

  /**
   * Takes the key for the running transaction, or finds the answer it already has.
   * @throws AppError `idempotency_in_progress` while another request holds it; `idempotency_key_reused`
   */
  async begin(tx: Sql, scope: string, key: string, fingerprint: string): Promise<KeptAnswer | undefined> {
    const [lock] = await tx.prepared<{ taken: boolean }>(
      'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS taken',
      [`${this.table} ${scope} ${key}`],
    );
    if (!lock?.taken) throw errors.idempotency_in_progress({ headers: { 'retry-after': '1' } });
    const [row] = await tx.prepared<KeptRow>(
      `SELECT fingerprint, status, headers, body FROM ${this.table}
       WHERE scope = $1 AND key = $2 AND created_at > now() - interval '24 hours'`,
      [scope, key],
    );
    if (!row) return undefined;
    if (row.fingerprint !== fingerprint) throw errors.idempotency_key_reused();
    return { status: row.status, head: row.body, etag: row.headers.etag, headers: row.headers.sent };
  }

  /** Keeps the answer, in the transaction of the change. */
  async keep(tx: Sql, scope: string, key: string, fingerprint: string, answer: KeptAnswer): Promise<void> {
    await tx.prepared(
      `INSERT INTO ${this.table} (scope, key, fingerprint, status, headers, body) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
         headers = excluded.headers, body = excluded.body, created_at = now()`,
      [
        scope,
        key,
        fingerprint,
        answer.status,
        JSON.stringify({ etag: answer.etag, sent: answer.headers }),
        answer.head,
      ],
    );
  }
}
