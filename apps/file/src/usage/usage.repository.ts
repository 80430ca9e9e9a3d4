import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@nexus/database';

const READ = 'SELECT bytes, files FROM file.usage WHERE user_id = $1';
// One statement decides and counts: whoever comes second waits for the row and is judged by what the first left.
const TAKE = `
  INSERT INTO file.usage AS held (user_id, bytes, files)
  SELECT $1, $2::bigint, 1 WHERE $2::bigint <= $3::bigint
  ON CONFLICT (user_id) DO UPDATE SET bytes = held.bytes + excluded.bytes, files = held.files + 1
  WHERE held.bytes + excluded.bytes <= $3::bigint
  RETURNING user_id`;
const GIVE_BACK = 'UPDATE file.usage SET bytes = bytes - $2, files = files - $3 WHERE user_id = $1';

/** What each user's files take, kept as a sum so that no upload has to count. */
@Injectable()
export class UsageRepository {
  constructor(private readonly database: Database) {}

  async read(userId: string): Promise<{ readonly bytes: number; readonly files: number }> {
    const [row] = await this.database.prepared<{ bytes: string; files: number }>(READ, [userId]);
    return { bytes: Number(row?.bytes ?? 0), files: row?.files ?? 0 };
  }

  /** Takes room for one file, in the transaction that makes it. @returns false when there is not enough */
  async take(tx: Sql, userId: string, bytes: number, limit: number): Promise<boolean> {
    return (await tx.prepared(TAKE, [userId, bytes, limit])).length > 0;
  }

  /** Gives room back, in the transaction that deletes the files. */
  async giveBack(tx: Sql, userId: string, bytes: number, files: number): Promise<void> {
    await tx.prepared(GIVE_BACK, [userId, bytes, files]);
  }
}
