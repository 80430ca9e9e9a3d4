import { Injectable } from '@nestjs/common';
import { Conditions, Database, type KeysetList, keysetPage, type Transaction } from '@nexus/database';
import type { Page } from '@nexus/kernel';
import type { InboxQuery } from './inbox.schemas.js';

/** A row of `notification.notifications`. */
export interface NotificationRow {
  readonly id: string;
  readonly category: string;
  readonly title: string;
  readonly body: string;
  readonly data: Record<string, unknown>;
  readonly read_at: Date | null;
  readonly version: number;
  readonly created_at: Date;
}

/** A row with its place in the person's inbox. */
export type PlacedRow = NotificationRow & { readonly seq: string };

/** What an entry says. */
export interface InboxEntry {
  readonly id: string;
  readonly userId: string;
  readonly category: string;
  readonly title: string;
  readonly body: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const COLUMNS = 'id, category, title, body, data, read_at, version, created_at';

const LIST: KeysetList<InboxQuery['sort']> = {
  select: COLUMNS,
  from: 'notification.notifications',
  id: 'id',
  orders: {
    '-created_at': { sql: 'created_at', type: 'timestamptz', descending: true },
    created_at: { sql: 'created_at', type: 'timestamptz' },
  },
};

/**
 * The lock on the inbox makes the order of places the order of commits: whoever has seen a place has seen all before
 * it. No two entries of an inbox have the same time, and times follow the places even when the clock is set back, so that
 * the list and the live stream agree on the order.
 */
const INSERT = `
  WITH place AS (
    INSERT INTO notification.inboxes (user_id, last_seq, last_at)
    VALUES ($2, 1, date_trunc('milliseconds', clock_timestamp()))
    ON CONFLICT (user_id) DO UPDATE SET
      last_seq = inboxes.last_seq + 1,
      last_at = greatest(date_trunc('milliseconds', clock_timestamp()), inboxes.last_at + interval '1 millisecond')
    RETURNING last_seq, last_at
  )
  INSERT INTO notification.notifications (id, user_id, seq, category, title, body, data, created_at)
  SELECT $1, $2, last_seq, $3, $4, $5, $6, last_at FROM place`;

const MARK_READ = `
  UPDATE notification.notifications
  SET read_at = coalesce(read_at, now()), version = version + (read_at IS NULL)::int
  WHERE id = $1 AND user_id = $2
  RETURNING ${COLUMNS}`;

const MARK_ALL_READ = `
  WITH marked AS (
    UPDATE notification.notifications SET read_at = now(), version = version + 1
    WHERE user_id = $1 AND read_at IS NULL
    RETURNING 1
  )
  SELECT count(*)::int AS count FROM marked`;

/** An id the inbox does not hold any more stands for the newest entry that is not newer than it. */
const PLACE_OF = `
  SELECT coalesce(
    (SELECT seq FROM notification.notifications WHERE user_id = $1 AND id = $2),
    (SELECT max(seq) FROM notification.notifications WHERE user_id = $1 AND id < $2),
    0
  ) AS seq`;

/** The inboxes of all people. */
@Injectable()
export class InboxRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: Transaction, entry: InboxEntry): Promise<void> {
    const { id, userId, category, title, body, data } = entry;
    await tx.prepared(INSERT, [id, userId, category, title, body, JSON.stringify(data)]);
  }

  list(userId: string, { unread, category, ...ask }: InboxQuery): Promise<Page<NotificationRow>> {
    const conditions = new Conditions().add((place) => `user_id = ${place}`, userId);
    if (unread !== undefined) conditions.and(unread ? 'read_at IS NULL' : 'read_at IS NOT NULL');
    if (category !== undefined) conditions.add((place) => `category = ${place}`, category);
    return keysetPage<NotificationRow, InboxQuery['sort']>(this.database, LIST, conditions, ask);
  }

  async unreadCount(userId: string): Promise<number> {
    const [row] = await this.database.prepared<{ count: number }>(
      'SELECT count(*)::int AS count FROM notification.notifications WHERE user_id = $1 AND read_at IS NULL',
      [userId],
    );
    return row?.count ?? 0;
  }

  /** Marks an entry read, once. @returns it, or undefined when the person has no such entry */
  async markRead(tx: Transaction, userId: string, id: string): Promise<NotificationRow | undefined> {
    const [row] = await tx.prepared<NotificationRow>(MARK_READ, [id, userId]);
    return row;
  }

  /** @returns how many were not read before */
  async markAllRead(tx: Transaction, userId: string): Promise<number> {
    // One at a time per inbox: two that lock the same rows in different orders would wait for each other.
    await tx.prepared('SELECT 1 FROM notification.inboxes WHERE user_id = $1 FOR UPDATE', [userId]);
    const [row] = await tx.prepared<{ count: number }>(MARK_ALL_READ, [userId]);
    return row?.count ?? 0;
  }

  /** The place of the newest entry; 0 for an inbox that never had one. */
  async lastPlace(userId: string): Promise<string> {
    const [row] = await this.database.prepared<{ last_seq: string }>(
      'SELECT last_seq FROM notification.inboxes WHERE user_id = $1',
      [userId],
    );
    return row?.last_seq ?? '0';
  }

  /** The place after which a reader goes on who has seen the entry with this id. */
  async placeOf(userId: string, id: string): Promise<string> {
    const [row] = await this.database.prepared<{ seq: string }>(PLACE_OF, [userId, id]);
    return row?.seq ?? '0';
  }

  /** Entries after a place, oldest first. */
  after(userId: string, place: string, limit: number): Promise<PlacedRow[]> {
    return this.database.prepared<PlacedRow>(
      `SELECT ${COLUMNS}, seq FROM notification.notifications WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
      [userId, place, limit],
    );
  }
}
