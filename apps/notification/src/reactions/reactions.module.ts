import { Module } from '@nestjs/common';
import { InboxModule } from '../inbox/inbox.module.js';
import { MailModule } from '../mail/mail.module.js';
import { WelcomeHandler } from './account-registered.event.js';
import { PasswordChangedHandler } from './password-changed.event.js';
import { ProjectMemberAddedHandler } from './project-member-added.event.js';

/** What this service does when it hears of others' changes. */
@Module({
  imports: [InboxModule, MailModule],
  providers: [WelcomeHandler, PasswordChangedHandler, ProjectMemberAddedHandler],
})
export class ReactionsModule {}
