import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@nexus/database';
import type { FindOptionsWhere } from 'typeorm';
import { CapturedMailEntity } from './captured-mail.entity.js';

/** Captured mails that are kept. */
export const KEPT_MAILS = 500;

/** Mails that were captured instead of sent. */
@Injectable()
export class CapturedMailsRepository {
  constructor(private readonly database: Database) {}

  /** Keeps a mail, and lets go of the oldest. */
  async insert(tx: Transaction, mail: Omit<CapturedMailEntity, 'seq' | 'createdAt'>): Promise<void> {
    await tx.prepared(
      `INSERT INTO notification.captured_mails (id, sender, recipient, subject, html, plain, headers)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [mail.id, mail.sender, mail.recipient, mail.subject, mail.html, mail.plain, JSON.stringify(mail.headers)],
    );
    await tx.prepared(
      `DELETE FROM notification.captured_mails
       WHERE seq <= (SELECT seq FROM notification.captured_mails ORDER BY seq DESC OFFSET $1 LIMIT 1)`,
      [KEPT_MAILS],
    );
  }

  /** All that are kept, newest first. @param recipient of one person only */
  list(recipient?: string): Promise<CapturedMailEntity[]> {
    const where: FindOptionsWhere<CapturedMailEntity> = recipient === undefined ? {} : { recipient };
    return this.database.dataSource
      .getRepository(CapturedMailEntity)
      .find({ where, order: { seq: 'DESC' }, take: KEPT_MAILS });
  }

  find(id: string): Promise<CapturedMailEntity | null> {
    return this.database.dataSource.getRepository(CapturedMailEntity).findOneBy({ id });
  }
}
