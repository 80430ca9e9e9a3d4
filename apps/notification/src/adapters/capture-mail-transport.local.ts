import type { CapturedMailsRepository } from '../mail/captured-mails.repository.js';
import { FIXED_HEADERS, messageId } from '../mail/mail-headers.js';
import { MailTransport, type OutgoingMail, type SentEffect } from '../mail/mail-transport.port.js';
import type { Mailbox } from '../mail/mailbox.js';

function shown({ name, address }: Mailbox): string {
  return name === '' ? address : `${name} <${address}>`;
}

/** Keeps mails where a developer can look at them. Kept in the transaction that marks them sent: exactly once. */
export class CaptureMailTransport extends MailTransport {
  constructor(
    private readonly mails: CapturedMailsRepository,
    private readonly from: Mailbox,
  ) {
    super();
  }

  async send(mail: OutgoingMail): Promise<SentEffect> {
    const sender = shown(this.from);
    const headers = {
      From: sender,
      To: mail.to,
      Subject: mail.subject,
      'Message-ID': messageId(mail, this.from),
      Date: new Date().toUTCString().replace('GMT', '+0000'),
      ...FIXED_HEADERS,
    };
    const { id, to: recipient, subject, html, text: plain } = mail;
    return (tx) => this.mails.insert(tx, { id, sender, recipient, subject, html, plain, headers });
  }
}
