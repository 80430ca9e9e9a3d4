import { Inject, Injectable } from '@nestjs/common';
import { type PlatformConfig, platformConfig, publicUrl } from '@nexus/config';
import type { accountRegistered, EventData, EventEnvelope } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import { EventHandler } from '@nexus/messaging';
import { InboxService } from '../inbox/inbox.service.js';
import { MailOutbox } from '../mail/mail-outbox.service.js';
import { welcomeMail } from '../mail-templates/welcome-mail.js';

/** Welcomes a person, by mail and in the inbox. */
@Injectable()
export class WelcomeHandler extends EventHandler<typeof accountRegistered> {
  constructor(
    private readonly inbox: InboxService,
    private readonly outbox: MailOutbox,
    @Inject(platformConfig.token) private readonly platform: PlatformConfig,
  ) {
    super();
  }

  async handle(tx: Transaction, { data }: EventEnvelope<EventData<typeof accountRegistered>>): Promise<void> {
    const { user_id: userId, email, name } = data;
    await this.inbox.add(tx, {
      userId,
      category: 'account',
      title: 'Welcome to Nexus',
      body: 'Your account is ready. This is your inbox: what concerns you will appear here.',
      data: {},
    });
    const mail = welcomeMail({ name, email, publicUrl: publicUrl(this.platform) });
    await this.outbox.queue(tx, { userId, address: email }, mail);
  }
}
