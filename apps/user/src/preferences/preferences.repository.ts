import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@nexus/database';
import type { EntityManager } from 'typeorm';
import { PreferencesEntity } from './preferences.entity.js';
import type { Preferences } from './preferences.schemas.js';

/** Rows of `"user".preferences`. */
@Injectable()
export class PreferencesRepository {
  constructor(private readonly db: Database) {}

  find(userId: string, manager: EntityManager = this.db.dataSource.manager): Promise<PreferencesEntity | null> {
    return manager.findOneBy(PreferencesEntity, { userId });
  }

  /** @param known the row as it is now, locked through the person's profile */
  async save(tx: Transaction, userId: string, data: Preferences, known: PreferencesEntity | null): Promise<void> {
    const row = known ?? tx.manager.create(PreferencesEntity, { userId, version: 0 });
    row.data = data;
    row.version += 1;
    row.updatedAt = new Date();
    await tx.manager.save(row);
  }
}
