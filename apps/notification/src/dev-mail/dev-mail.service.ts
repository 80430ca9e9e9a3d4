import { Inject, Injectable } from '@nestjs/common';
import { errors, isUuid, type Page } from '@nexus/kernel';
import { CapturedMailsRepository, KEPT_MAILS } from '../mail/captured-mails.repository.js';
import { type NotificationConfig, notificationConfig } from '../notification.config.js';
import type { CapturedMailView } from './dev-mail.schemas.js';
import { mailListPage, mailPage } from './dev-mail-page.js';

/** Captured mail, for developers. */
@Injectable()
export class DevMailService {
  constructor(
    private readonly mails: CapturedMailsRepository,
    @Inject(notificationConfig.token) private readonly config: NotificationConfig,
  ) {}

  async listPage(): Promise<string> {
    return mailListPage(await this.mails.list(), this.config.SMTP_URL === undefined);
  }

  /** @throws AppError `not_found` */
  async mailPage(id: string): Promise<string> {
    const mail = isUuid(id) ? await this.mails.find(id) : null;
    if (!mail) throw errors.not_found();
    return mailPage(mail);
  }

  async messages(recipient: string | undefined): Promise<Page<CapturedMailView>> {
    const items = (await this.mails.list(recipient)).map((mail) => ({
      id: mail.id,
      to: mail.recipient,
      from: mail.sender,
      subject: mail.subject,
      text: mail.plain,
      html: mail.html,
      created_at: mail.createdAt.toISOString(),
    }));
    return { items, limit: KEPT_MAILS, nextCursor: null, total: items.length };
  }
}
