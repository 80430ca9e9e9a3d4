import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@nexus/database';

const ADD = 'INSERT INTO file.removals (object_key) SELECT unnest($1::uuid[])';
const DUE = 'SELECT object_key FROM file.removals ORDER BY created_at LIMIT $1';
const DONE = 'DELETE FROM file.removals WHERE object_key = $1';

/** Objects that nobody refers to any more and that still have to go. */
@Injectable()
export class RemovalsRepository {
  constructor(private readonly database: Database) {}

  /** In the transaction that drops the last reference. */
  async add(tx: Sql, keys: readonly string[]): Promise<void> {
    await tx.prepared(ADD, [keys]);
  }

  async due(most: number): Promise<string[]> {
    return (await this.database.prepared<{ object_key: string }>(DUE, [most])).map((row) => row.object_key);
  }

  /** The object is gone. */
  async done(key: string): Promise<void> {
    await this.database.prepared(DONE, [key]);
  }
}
