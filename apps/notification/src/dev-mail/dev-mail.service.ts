import { Inject, Injectable } from '@nestjs/common';
import { type PlatformConfig, platformConfig } from '@nexus/config';
import { errors, isUuid, type Page } from '@nexus/kernel';
import { CapturedMailsRepository, KEPT_MAILS } from '../mail/captured-mails.repository.js';
import { type NotificationConfig, notificationConfig } from '../notification.config.js';
import type { CapturedMailView } from './dev-mail.schemas.js';
import { mailListPage, mailPage } from './dev-mail-page.js';
import { isLocalVisitor } from './local-visitor.js';

type Visitor = Parameters<typeof isLocalVisitor>[0];

/** Captured mail, for the developer at this machine. For everybody else there is nothing here. */
@Injectable()
export class DevMailService {
  constructor(
    private readonly mails: CapturedMailsRepository,
    @Inject(platformConfig.token) private readonly platform: PlatformConfig,
    @Inject(notificationConfig.token) private readonly config: NotificationConfig,
  ) {}

  /** @throws AppError `not_found` */
  async listPage(visitor: Visitor): Promise<string> {
    this.admit(visitor);
    return mailListPage(await this.mails.list(), this.config.SMTP_URL === undefined);
  }

  /** @throws AppError `not_found` */
  async mailPage(visitor: Visitor, id: string): Promise<string> {
    this.admit(visitor);
    const mail = isUuid(id) ? await this.mails.find(id) : null;
    if (!mail) throw errors.not_found();
    return mailPage(mail);
  }

  /** @throws AppError `not_found` */
  async messages(visitor: Visitor, recipient: string | undefined): Promise<Page<CapturedMailView>> {
    this.admit(visitor);
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

  private admit(visitor: Visitor): void {
    if (this.platform.NEXUS_ENV !== 'development' || !isLocalVisitor(visitor)) throw errors.not_found();
  }
}
