import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@nexus/database';
import type { OutgoingMail } from './mail-transport.port.js';

/** A delivery that this worker is sending; `version` proves that it still is. */
export interface ClaimedDelivery extends OutgoingMail {
  /** Attempts, this one included. */
  readonly attempts: number;
  readonly version: number;
}

/** What is put into a new delivery. */
export interface NewDelivery extends OutgoingMail {
  readonly userId: string;
  readonly template: string;
}

/** How long a delivery belongs to the worker that claimed it, in s: longer than any attempt takes. */
export const LEASE_SECONDS = 25;

const CLAIM = `
  UPDATE notification.deliveries
  SET status = 'sending', attempts = attempts + 1, claimed_at = now(), version = version + 1
  WHERE id = $1
    AND (status = 'queued' OR (status = 'sending' AND claimed_at < now() - make_interval(secs => ${LEASE_SECONDS})))
  RETURNING id, recipient AS "to", subject, html, plain AS text, attempts, version`;

/** The state of every mail. */
@Injectable()
export class DeliveriesRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: Transaction, mail: NewDelivery): Promise<void> {
    await tx.prepared(
      `INSERT INTO notification.deliveries (id, user_id, template, recipient, subject, html, plain)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [mail.id, mail.userId, mail.template, mail.to, mail.subject, mail.html, mail.text],
    );
  }

  /** @returns undefined when it is sent, given up, gone, or in the hands of another worker: see {@link isOpen} */
  async claim(id: string): Promise<ClaimedDelivery | undefined> {
    const [row] = await this.database.prepared<ClaimedDelivery>(CLAIM, [id]);
    return row;
  }

  /** Whether it still has to be sent. */
  async isOpen(id: string): Promise<boolean> {
    const rows = await this.database.prepared(
      `SELECT 1 FROM notification.deliveries WHERE id = $1 AND status IN ('queued', 'sending')`,
      [id],
    );
    return rows.length > 0;
  }

  /** @returns false when another worker has claimed it meanwhile */
  async markSent(tx: Transaction, { id, version }: ClaimedDelivery): Promise<boolean> {
    const rows = await tx.prepared(
      `UPDATE notification.deliveries SET status = 'sent', sent_at = now(), last_error = NULL, version = version + 1
       WHERE id = $1 AND version = $2 RETURNING id`,
      [id, version],
    );
    return rows.length > 0;
  }

  /** Notes a failed attempt: the next one may begin at once, or there is none. */
  async markFailed({ id, version }: ClaimedDelivery, status: 'queued' | 'failed', codes: string): Promise<void> {
    await this.database.prepared(
      `UPDATE notification.deliveries SET status = $3, last_error = $4, claimed_at = NULL, version = version + 1
       WHERE id = $1 AND version = $2`,
      [id, version, status, codes],
    );
  }
}
