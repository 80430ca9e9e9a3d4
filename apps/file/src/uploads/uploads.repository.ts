import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@nexus/database';

/** An `Idempotency-Key` within its scope. */
export interface KeyInScope {
  readonly scope: string;
  readonly key: string;
}

const BEGIN = `
  INSERT INTO file.uploads (object_key, owner_id, idempotency_scope, idempotency_key) VALUES ($1, $2, $3, $4)
  ON CONFLICT (idempotency_scope, idempotency_key) DO NOTHING RETURNING object_key`;
const TOUCH = 'UPDATE file.uploads SET heartbeat_at = now() WHERE object_key = $1 RETURNING object_key';
const FINISH = 'DELETE FROM file.uploads WHERE object_key = $1 RETURNING object_key';
const KNOWN = 'SELECT object_key FROM file.uploads WHERE object_key = ANY($1::uuid[])';

/** The upload row goes and its object is noted for removal, both or neither. */
function discard(condition: string): string {
  return `
    WITH gone AS (DELETE FROM file.uploads WHERE ${condition} RETURNING object_key)
    INSERT INTO file.removals (object_key) SELECT object_key FROM gone RETURNING object_key`;
}

const STALE = (seconds: string) => `heartbeat_at < now() - ${seconds} * interval '1 second'`;
const DISCARD = discard('object_key = $1');
const DISCARD_STALE = discard(STALE('$1'));
const DISCARD_STALE_HOLDER = discard(`idempotency_scope = $1 AND idempotency_key = $2 AND ${STALE('$3')}`);

type KeyRow = { readonly object_key: string };

/** Uploads under way, in whatever process. While its row is there, an upload may become a file. */
@Injectable()
export class UploadsRepository {
  constructor(private readonly database: Database) {}

  /** @returns false when another upload holds the idempotency key */
  async begin(objectKey: string, ownerId: string, idempotency: KeyInScope | undefined): Promise<boolean> {
    const values = [objectKey, ownerId, idempotency?.scope ?? null, idempotency?.key ?? null];
    return (await this.database.prepared(BEGIN, values)).length > 0;
  }

  /** A sign of life. @returns false when the upload was given up */
  async touch(objectKey: string): Promise<boolean> {
    return (await this.database.prepared(TOUCH, [objectKey])).length > 0;
  }

  /** Ends the upload in the transaction that makes its file. @returns false when it was given up */
  async finish(tx: Sql, objectKey: string): Promise<boolean> {
    return (await tx.prepared(FINISH, [objectKey])).length > 0;
  }

  /** Gives an upload up. @returns false when it has become a file, or was given up before */
  async discard(objectKey: string): Promise<boolean> {
    return (await this.database.prepared(DISCARD, [objectKey])).length > 0;
  }

  /** Gives up every upload without a sign of life for so long. @returns their object keys */
  async discardStale(seconds: number): Promise<string[]> {
    return (await this.database.prepared<KeyRow>(DISCARD_STALE, [seconds])).map((row) => row.object_key);
  }

  /** As {@link discardStale}, for the upload that holds an idempotency key. */
  async discardStaleHolder({ scope, key }: KeyInScope, seconds: number): Promise<string[]> {
    const rows = await this.database.prepared<KeyRow>(DISCARD_STALE_HOLDER, [scope, key, seconds]);
    return rows.map((row) => row.object_key);
  }

  /** Which of these are uploads under way. */
  async known(objectKeys: readonly string[]): Promise<Set<string>> {
    return new Set((await this.database.prepared<KeyRow>(KNOWN, [objectKeys])).map((row) => row.object_key));
  }
}
