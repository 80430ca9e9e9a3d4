import { Injectable } from '@nestjs/common';
import type { accountRegistered, EventData, EventEnvelope } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import { EventHandler } from '@nexus/messaging';
import { DirectoryService } from './directory.service.js';

/** Makes the profile of a new account, where the call of the registration did not come through. */
@Injectable()
export class AccountRegisteredHandler extends EventHandler<typeof accountRegistered> {
  constructor(private readonly directory: DirectoryService) {
    super();
  }

  async handle(
    tx: Transaction,
    { data, aggregate }: EventEnvelope<EventData<typeof accountRegistered>>,
  ): Promise<void> {
    const { user_id, ...facts } = data;
    await this.directory.ensureWithin(tx, { id: user_id, ...facts, account_version: aggregate.version });
  }
}
