import { Module } from '@nestjs/common';
import { DatabaseModule } from '@nexus/database';
import { CaptureMailTransport } from '../adapters/capture-mail-transport.local.js';
import { SmtpMailTransport } from '../adapters/smtp-mail-transport.client.js';
import { type NotificationConfig, notificationConfig } from '../notification.config.js';
import { CapturedMailsRepository } from './captured-mails.repository.js';
import { DeliverMailJob } from './deliver-mail.job.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { MailOutbox } from './mail-outbox.service.js';
import { MailTransport } from './mail-transport.port.js';
import { type Mailbox, parseMailbox } from './mailbox.js';

/** To a mail server where there is one, else into the developer's view. */
async function openTransport(config: NotificationConfig, mails: CapturedMailsRepository): Promise<MailTransport> {
  const { SMTP_URL, MAIL_FROM } = config;
  const from = parseMailbox(MAIL_FROM) as Mailbox;
  return SMTP_URL === undefined ? new CaptureMailTransport(mails, from) : SmtpMailTransport.open(SMTP_URL, from);
}

@Module({
  imports: [DatabaseModule.forService('notification')],
  providers: [
    CapturedMailsRepository,
    DeliveriesRepository,
    DeliverMailJob,
    MailOutbox,
    {
      provide: MailTransport,
      useFactory: openTransport,
      inject: [notificationConfig.token, CapturedMailsRepository],
    },
  ],
  exports: [MailOutbox, CapturedMailsRepository],
})
export class MailModule {}
