import type { Transaction } from '@nexus/database';

/** A mail as it leaves. */
export interface OutgoingMail {
  /** Id of the delivery: the same at every attempt, and so is the Message-ID made of it. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly html: string;
  readonly text: string;
}

/** A mail that could not be handed over. Its message holds codes alone: neither addresses nor what a server wrote. */
export class MailFault extends Error {
  constructor(
    /** E.g. `EENVELOPE 550 5.1.1 RCPT TO`. */
    codes: string,
    /** Trying again would change nothing. */
    readonly permanent: boolean,
  ) {
    super(codes);
    this.name = 'MailFault';
  }
}

/** What the transport keeps of a mail in the service's own database, written when the delivery is marked as sent. */
export type SentEffect = (tx: Transaction) => Promise<void>;

/** Hands mails over to the outside. */
export abstract class MailTransport {
  /**
   * @returns work for the transaction that marks the delivery as sent, where there is any: it happens exactly once
   * @throws MailFault
   */
  abstract send(mail: OutgoingMail, signal: AbortSignal): Promise<SentEffect | undefined>;
}
