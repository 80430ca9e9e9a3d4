import { Injectable } from '@nestjs/common';
import type { EventData, EventEnvelope, userStatusChanged } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import { type CallContext, serviceActor } from '@nexus/kernel';
import { EventHandler } from '@nexus/messaging';
import { AccountStatusService } from './account-status.service.js';

/** What a worker gives a message; then it is delivered again. */
const WORK_MS = 30_000;

/** Repairs a lost {@link Sessions.applyStatus}. */
@Injectable()
export class UserStatusHandler extends EventHandler<typeof userStatusChanged> {
  constructor(private readonly status: AccountStatusService) {
    super();
  }

  async handle(tx: Transaction, event: EventEnvelope<EventData<typeof userStatusChanged>>): Promise<void> {
    await this.status.apply(tx, contextOf(event), event.data);
  }
}

/** The service's own work, in the trace of the request that caused the event. */
function contextOf(event: EventEnvelope): CallContext {
  const [, traceId = '', spanId = '', flags] = event.traceparent.split('-');
  return {
    actor: serviceActor('auth'),
    requestId: event.request_id,
    deadline: Date.now() + WORK_MS,
    trace: { traceId, spanId, sampled: flags === '01' },
    signal: AbortSignal.timeout(WORK_MS),
  };
}
