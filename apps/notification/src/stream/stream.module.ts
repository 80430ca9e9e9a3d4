import { Module } from '@nestjs/common';
import { InboxModule } from '../inbox/inbox.module.js';
import { InboxStreams } from './inbox-streams.service.js';
import { StreamController } from './stream.controller.js';
import { StreamTiming } from './stream-timing.js';

@Module({
  imports: [InboxModule],
  controllers: [StreamController],
  providers: [InboxStreams, { provide: StreamTiming, useFactory: () => new StreamTiming() }],
})
export class StreamModule {}
