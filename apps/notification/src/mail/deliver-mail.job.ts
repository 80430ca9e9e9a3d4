import { Inject, Injectable } from '@nestjs/common';
import { Database } from '@nexus/database';
import { defineJob, type JobData, JobHandler } from '@nexus/messaging';
import { LOGGER, type Logger } from '@nexus/observability';
import { z } from 'zod';
import { type ClaimedDelivery, DeliveriesRepository } from './deliveries.repository.js';
import { MailFault, MailTransport, type SentEffect } from './mail-transport.port.js';

/** Attempts until a mail is given up: over about two hours. */
export const MAX_ATTEMPTS = 13;

/** Sends one mail. Runs that find it in another worker's hands count as retries, too, hence more than attempts. */
export const deliverMail = defineJob('notification', 'deliver-mail', z.object({ delivery_id: z.uuid() }), {
  retries: 20,
});

/** Sends a mail: claims it, hands it over, and marks it sent together with whatever the transport keeps of it. */
@Injectable()
export class DeliverMailJob extends JobHandler<typeof deliverMail> {
  constructor(
    private readonly database: Database,
    private readonly deliveries: DeliveriesRepository,
    private readonly transport: MailTransport,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    super();
  }

  async run({ delivery_id: id }: JobData<typeof deliverMail>, signal: AbortSignal): Promise<void> {
    const delivery = await this.deliveries.claim(id);
    if (!delivery) {
      // Whoever holds it may have died: come back when the lease is over.
      if (await this.deliveries.isOpen(id)) throw new MailFault('EBUSY', false);
      return;
    }
    let effect: SentEffect | undefined;
    try {
      effect = await this.transport.send(delivery, signal);
    } catch (error) {
      return this.failed(delivery, error instanceof MailFault ? error : new MailFault('EUNKNOWN', false));
    }
    await this.database.transaction(async (tx) => {
      if (await this.deliveries.markSent(tx, delivery)) await effect?.(tx);
    });
  }

  private async failed(delivery: ClaimedDelivery, fault: MailFault): Promise<void> {
    const given = fault.permanent || delivery.attempts >= MAX_ATTEMPTS;
    await this.deliveries.markFailed(delivery, given ? 'failed' : 'queued', fault.message);
    if (!given) throw fault;
    this.logger.warn('A mail was given up', {
      'event.action': 'mail-failed',
      delivery: delivery.id,
      attempts: delivery.attempts,
      codes: fault.message,
    });
  }
}
