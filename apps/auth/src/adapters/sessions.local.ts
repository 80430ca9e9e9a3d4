import { Injectable } from '@nestjs/common';
import { type AccountStatus, Sessions } from '@nexus/contracts';
import { Database } from '@nexus/database';
import type { CallContext } from '@nexus/kernel';
import { SessionEnding } from '../sessions/session-ending.service.js';
import { AccountStatusService } from './account-status.service.js';

/** Auth's side of {@link Sessions}. */
@Injectable()
export class LocalSessions extends Sessions {
  constructor(
    private readonly db: Database,
    private readonly ending: SessionEnding,
    private readonly status: AccountStatusService,
  ) {
    super();
  }

  async revokeAll(ctx: CallContext, input: { user_id: string; reason: string }): Promise<{ revoked: number }> {
    const revoked = await this.db.transaction((tx) =>
      this.ending.end(tx, ctx, { userId: input.user_id }, input.reason),
    );
    return { revoked };
  }

  async applyStatus(ctx: CallContext, input: AccountStatus): Promise<{ revoked: number }> {
    return { revoked: await this.db.transaction((tx) => this.status.apply(tx, ctx, input)) };
  }
}
