import { Injectable } from '@nestjs/common';
import type { Transaction } from '@nexus/database';
import { uuidv7 } from '@nexus/kernel';
import { Messaging } from '@nexus/messaging';
import type { ComposedMail } from '../mail-templates/mail-layout.js';
import { deliverMail } from './deliver-mail.job.js';
import { DeliveriesRepository } from './deliveries.repository.js';

/** Whom a mail goes to. */
export interface MailRecipient {
  readonly userId: string;
  readonly address: string;
}

/** Mails on their way out: written with the change that causes them, sent by a job after its commit. */
@Injectable()
export class MailOutbox {
  constructor(
    private readonly deliveries: DeliveriesRepository,
    private readonly messaging: Messaging,
  ) {}

  async queue(
    tx: Transaction,
    recipient: MailRecipient,
    { template, subject, html, text }: ComposedMail,
  ): Promise<void> {
    const id = uuidv7();
    const { userId, address: to } = recipient;
    await this.deliveries.insert(tx, { id, userId, template, to, subject, html, text });
    await this.messaging.enqueue(tx, deliverMail, { delivery_id: id });
  }
}
