import { Inject, Injectable } from '@nestjs/common';
import { type PlatformConfig, platformConfig, publicUrl } from '@nexus/config';
import type { EventData, EventEnvelope, passwordChanged } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import { EventHandler } from '@nexus/messaging';
import { MailOutbox } from '../mail/mail-outbox.service.js';
import { passwordChangedMail } from '../mail-templates/password-changed-mail.js';

/** Tells the owner of an account that its password is a new one. */
@Injectable()
export class PasswordChangedHandler extends EventHandler<typeof passwordChanged> {
  constructor(
    private readonly outbox: MailOutbox,
    @Inject(platformConfig.token) private readonly platform: PlatformConfig,
  ) {
    super();
  }

  async handle(tx: Transaction, event: EventEnvelope<EventData<typeof passwordChanged>>): Promise<void> {
    const { user_id: userId, email, address } = event.data;
    const mail = passwordChangedMail({
      email,
      address,
      changedAt: new Date(event.occurred_at),
      publicUrl: publicUrl(this.platform),
    });
    await this.outbox.queue(tx, { userId, address: email }, mail);
  }
}
