import { Injectable } from '@nestjs/common';
import { ResponseCache } from '@nexus/caching';
import { Database, type Transaction } from '@nexus/database';
import { type Page, uuidv7 } from '@nexus/kernel';
import { notificationErrors } from '../notification.errors.js';
import { type InboxEntry, InboxRepository, type NotificationRow } from './inbox.repository.js';
import type { Count, InboxQuery, NotificationView } from './inbox.schemas.js';
import { InboxFeed } from './inbox-feed.port.js';

/** An entry as clients see it. */
export function notificationView(row: NotificationRow): NotificationView {
  return {
    id: row.id,
    category: row.category,
    title: row.title,
    body: row.body,
    data: row.data,
    read_at: row.read_at?.toISOString() ?? null,
    version: row.version,
    created_at: row.created_at.toISOString(),
  };
}

/** Inboxes. Everyone sees and marks their own alone; the caller's id is part of every statement. */
@Injectable()
export class InboxService {
  constructor(
    private readonly database: Database,
    private readonly inboxes: InboxRepository,
    private readonly feed: InboxFeed,
    private readonly cache: ResponseCache,
  ) {}

  async list(userId: string, query: InboxQuery): Promise<Page<NotificationView>> {
    const page = await this.inboxes.list(userId, query);
    return { ...page, items: page.items.map(notificationView) };
  }

  async unreadCount(userId: string): Promise<Count> {
    return { count: await this.inboxes.unreadCount(userId) };
  }

  /** @throws AppError `notification_not_found` */
  async markRead(userId: string, id: string): Promise<NotificationView> {
    return this.database.transaction(async (tx) => {
      const row = await this.inboxes.markRead(tx, userId, id);
      if (!row) throw notificationErrors.notification_not_found();
      tx.afterCommit(() => this.changed(userId));
      return notificationView(row);
    });
  }

  async markAllRead(userId: string): Promise<Count> {
    return this.database.transaction(async (tx) => {
      const count = await this.inboxes.markAllRead(tx, userId);
      tx.afterCommit(() => this.changed(userId));
      return { count };
    });
  }

  /** Puts an entry into a person's inbox, in the transaction of what it tells of; live streams hear of it after the commit. */
  async add(tx: Transaction, entry: Omit<InboxEntry, 'id'>): Promise<void> {
    await this.inboxes.insert(tx, { id: uuidv7(), ...entry });
    tx.afterCommit(async () => {
      await this.changed(entry.userId);
      this.feed.announce(entry.userId);
    });
  }

  /** Before anybody is told that there is something to look at. */
  private async changed(userId: string): Promise<void> {
    await this.cache.invalidate([`inbox:${userId}`]);
  }
}
