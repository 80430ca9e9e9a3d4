import { Injectable } from '@nestjs/common';
import type { accountChanged, EventData, EventEnvelope } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import { EventHandler } from '@nexus/messaging';
import { DirectoryService } from './directory.service.js';

/** Takes over e-mail, verification and role as auth has them now. */
@Injectable()
export class AccountChangedHandler extends EventHandler<typeof accountChanged> {
  constructor(private readonly directory: DirectoryService) {
    super();
  }

  async handle(tx: Transaction, { data, aggregate }: EventEnvelope<EventData<typeof accountChanged>>): Promise<void> {
    const { user_id, ...facts } = data;
    await this.directory.refresh(tx, { id: user_id, ...facts, account_version: aggregate.version });
  }
}
