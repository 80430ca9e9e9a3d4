import { Inject, Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { Database } from '@nexus/database';
import type { CallContext } from '@nexus/kernel';
import { type FileConfig, fileConfig } from '../file.config.js';
import { FilesRepository } from '../files/files.repository.js';
import { RemovalsRepository } from '../storage/removals.repository.js';
import { UsageRepository } from '../usage/usage.repository.js';

const BATCH = 100;

/** Empties the trash of what has lain in it long enough. */
@Injectable()
export class TrashService {
  constructor(
    private readonly database: Database,
    private readonly files: FilesRepository,
    private readonly usage: UsageRepository,
    private readonly removals: RemovalsRepository,
    private readonly audit: AuditTrail,
    @Inject(fileConfig.token) private readonly config: FileConfig,
  ) {}

  /** @returns how many files are gone */
  async purgeExpired(ctx: CallContext, signal: AbortSignal): Promise<number> {
    let purged = 0;
    while (!signal.aborted) {
      const count = await this.purgeSome(ctx);
      purged += count;
      if (count < BATCH) break;
    }
    return purged;
  }

  /** Row, space and the note that the object has to go: together, so that space is given back exactly once. */
  private async purgeSome(ctx: CallContext): Promise<number> {
    return this.database.transaction(async (tx) => {
      const rows = await this.files.purge(tx, this.config.FILE_TRASH_DAYS, BATCH);
      if (rows.length === 0) return 0;
      const owners = new Map<string, { bytes: number; files: number }>();
      for (const row of rows) {
        const held = owners.get(row.owner_id) ?? { bytes: 0, files: 0 };
        owners.set(row.owner_id, { bytes: held.bytes + Number(row.size), files: held.files + 1 });
        const target = { type: 'file', id: row.id };
        await this.audit.record(tx, ctx, { action: 'file.purged', outcome: 'success', target });
      }
      await this.removals.add(
        tx,
        rows.map((row) => row.object_key),
      );
      // Always in the same order, so that two processes never wait for each other.
      for (const [owner, { bytes, files }] of [...owners].sort(([a], [b]) => (a < b ? -1 : 1))) {
        await this.usage.giveBack(tx, owner, bytes, files);
      }
      return rows.length;
    });
  }
}
