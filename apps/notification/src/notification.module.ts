import { Module } from '@nestjs/common';
import { DevMailModule } from './dev-mail/dev-mail.module.js';
import { InboxModule } from './inbox/inbox.module.js';
import { MailModule } from './mail/mail.module.js';
import { ReactionsModule } from './reactions/reactions.module.js';
import { StreamModule } from './stream/stream.module.js';

/** The notification service. */
@Module({ imports: [StreamModule, InboxModule, MailModule, ReactionsModule, DevMailModule] })
export class NotificationModule {}
