import type { OnModuleDestroy } from '@nestjs/common';
import type { createTransport } from 'nodemailer';
import { FIXED_HEADERS, messageId } from '../mail/mail-headers.js';
import { MailFault, MailTransport, type OutgoingMail } from '../mail/mail-transport.port.js';
import { isMailAddress, type Mailbox } from '../mail/mailbox.js';

const CONNECTIONS = 4;
const STEP_TIMEOUT_MS = 5_000;
/** Longest attempt, however slowly the server answers; shorter than the lease of a delivery. */
const ATTEMPT_TIMEOUT_MS = 20_000;

/** Replies about our credentials (RFC 4954 §6): the operator's matter, not the recipient's. */
const AUTHENTICATION = new Set([530, 534, 535, 538]);
/** Commands whose refusal is about this mail. */
const ABOUT_THE_MAIL = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);
const ENHANCED_STATUS = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/;

interface SmtpError {
  readonly name?: string;
  readonly code?: string;
  readonly command?: string;
  readonly responseCode?: number;
  readonly response?: string;
}

/** What can be told of a failure: codes, and whether they mean never (RFC 5321 §4.2.1). */
export function smtpFault(thrown: unknown): MailFault {
  const { name, code, command, responseCode, response } = (thrown ?? {}) as SmtpError;
  const known = command !== undefined && ABOUT_THE_MAIL.has(command) ? command : undefined;
  const parts = [
    /^[A-Z_]{2,32}$/.test(code ?? '')
      ? code
      : name === 'AbortError' || name === 'TimeoutError'
        ? 'ETIMEDOUT'
        : 'EUNKNOWN',
    responseCode,
    ENHANCED_STATUS.exec(response ?? '')?.[1],
    known,
  ];
  const refused = responseCode !== undefined && responseCode >= 500 && known !== undefined;
  // Found out before anything was said to the server: an address or a size that it cannot take.
  const unsendable = responseCode === undefined && (code === 'EENVELOPE' || code === 'EMESSAGE');
  const permanent = unsendable || (refused && !AUTHENTICATION.has(responseCode));
  return new MailFault(parts.filter((part) => part !== undefined).join(' '), permanent);
}

/**
 * Sends over SMTP with a pool of connections. A mail that was handed over when the process died before it could note so is
 * sent again, with the same Message-ID.
 */
export class SmtpMailTransport extends MailTransport implements OnModuleDestroy {
  private constructor(
    private readonly pool: ReturnType<typeof createTransport>,
    private readonly from: Mailbox,
  ) {
    super();
  }

  /** @param url `smtp://` or `smtps://`; further options of nodemailer as its query */
  static async open(url: string, from: Mailbox): Promise<SmtpMailTransport> {
    const nodemailer = await import('nodemailer');
    const pool = nodemailer.createTransport({
      url,
      pool: true,
      maxConnections: CONNECTIONS,
      maxMessages: 100,
      maxRequeues: 1,
      connectionTimeout: STEP_TIMEOUT_MS,
      greetingTimeout: STEP_TIMEOUT_MS,
      dnsTimeout: STEP_TIMEOUT_MS,
      socketTimeout: 2 * STEP_TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    return new SmtpMailTransport(pool as ReturnType<typeof createTransport>, from);
  }

  async send(mail: OutgoingMail, signal: AbortSignal): Promise<undefined> {
    if (!isMailAddress(mail.to)) throw new MailFault('EADDRESS', true);
    try {
      await this.pool.sendMail({
        from: this.from,
        to: { name: '', address: mail.to },
        subject: mail.subject,
        text: mail.text,
        html: mail.html,
        messageId: messageId(mail, this.from),
        headers: FIXED_HEADERS,
        signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]),
      });
      return undefined;
    } catch (error) {
      throw smtpFault(error);
    }
  }

  onModuleDestroy(): void {
    this.pool.close();
  }
}
