import { Controller, Param, Query } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { Caller, Endpoint, idParam } from '@nexus/http';
import type { Page, UserActor } from '@nexus/kernel';
import {
  type Count,
  countSchema,
  type InboxQuery,
  inboxQuery,
  type NotificationView,
  notificationSchema,
} from './inbox.schemas.js';
import { InboxService } from './inbox.service.js';

/** The caller's own inbox. */
@Controller('api/v1/notifications')
export class InboxController {
  constructor(private readonly inbox: InboxService) {}

  @Scopes('notifications:read')
  @Endpoint('GET', '', {
    operation: 'listNotifications',
    summary: 'Your inbox, newest first',
    list: notificationSchema,
    cache: { audience: 'user', tags: ['inbox:{actor}'] },
  })
  list(@Caller() caller: UserActor, @Query({ schema: inboxQuery }) query: InboxQuery): Promise<Page<NotificationView>> {
    return this.inbox.list(caller.id, query);
  }

  @Scopes('notifications:read')
  @Endpoint('GET', 'unread-count', {
    operation: 'countUnreadNotifications',
    summary: 'How many entries of your inbox are not read yet',
    response: countSchema,
    cache: { audience: 'user', tags: ['inbox:{actor}'] },
  })
  unreadCount(@Caller() caller: UserActor): Promise<Count> {
    return this.inbox.unreadCount(caller.id);
  }

  @Scopes('notifications:write')
  @Endpoint('POST', ':id/read', {
    operation: 'readNotification',
    summary: 'Mark an entry as read',
    description: 'A second call changes nothing.',
    response: notificationSchema,
    errors: ['notification_not_found'],
    status: 200,
  })
  markRead(
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: { readonly id: string },
  ): Promise<NotificationView> {
    return this.inbox.markRead(caller.id, id);
  }

  @Scopes('notifications:write')
  @Endpoint('POST', 'read-all', {
    operation: 'readAllNotifications',
    summary: 'Mark every entry as read',
    description: 'Answers how many were not read before.',
    response: countSchema,
    status: 200,
  })
  markAllRead(@Caller() caller: UserActor): Promise<Count> {
    return this.inbox.markAllRead(caller.id);
  }
}
