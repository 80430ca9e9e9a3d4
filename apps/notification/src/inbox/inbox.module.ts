import { Module } from '@nestjs/common';
import { DatabaseModule } from '@nexus/database';
import { LocalInboxFeed } from '../adapters/inbox-feed.local.js';
import { InboxController } from './inbox.controller.js';
import { InboxRepository } from './inbox.repository.js';
import { InboxService } from './inbox.service.js';
import { InboxFeed } from './inbox-feed.port.js';

@Module({
  imports: [DatabaseModule.forService('notification')],
  controllers: [InboxController],
  providers: [InboxRepository, InboxService, { provide: InboxFeed, useClass: LocalInboxFeed }],
  exports: [InboxRepository, InboxService, InboxFeed],
})
export class InboxModule {}
