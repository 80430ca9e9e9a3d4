import { Inject, Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { ResponseCache } from '@nexus/caching';
import { Sessions, userStatusChanged } from '@nexus/contracts';
import { Database, type Transaction } from '@nexus/database';
import { assertVersion, type ExpectedVersion } from '@nexus/http';
import { type CallContext, errors, type UserActor } from '@nexus/kernel';
import { Messaging } from '@nexus/messaging';
import { LOGGER, type Logger } from '@nexus/observability';
import { userErrors } from '../user.errors.js';
import type { Profile } from './profile.schemas.js';
import { type ProfileRow, ProfilesRepository } from './profiles.repository.js';
import { toProfile, userTag } from './profiles.service.js';

/** Whether a person takes part. The routes let only administrators in. */
@Injectable()
export class UserStatusService {
  constructor(
    private readonly db: Database,
    private readonly profiles: ProfilesRepository,
    private readonly audit: AuditTrail,
    private readonly messaging: Messaging,
    private readonly cache: ResponseCache,
    private readonly sessions: Sessions,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Shuts a person out: no sign-in, and tokens already handed out stop working before this answers. Once more changes
   * nothing.
   * @throws AppError `user_not_found`, `cannot_deactivate_self`, `stale_version`
   */
  async deactivate(ctx: CallContext, caller: UserActor, id: string, expected?: ExpectedVersion): Promise<Profile> {
    if (caller.id === id) throw userErrors.cannot_deactivate_self();
    return this.change(ctx, caller, id, 'deactivated', expected);
  }

  /** Lets a person in again. @throws AppError `user_not_found`, `stale_version` */
  reactivate(ctx: CallContext, caller: UserActor, id: string, expected?: ExpectedVersion): Promise<Profile> {
    return this.change(ctx, caller, id, 'active', expected);
  }

  private change(
    ctx: CallContext,
    caller: UserActor,
    id: string,
    status: ProfileRow['status'],
    expected: ExpectedVersion | undefined,
  ): Promise<Profile> {
    return this.db.transaction(async (tx) => {
      const people = await this.profiles.lock(tx, [caller.id, id]);
      // Two administrators who deactivate each other at once: the second is none any more.
      if (people.some((row) => row.id === caller.id && row.status !== 'active')) throw errors.forbidden();
      const row = people.find((person) => person.id === id);
      if (!row) throw errors.user_not_found();
      assertVersion(expected, row.version);
      const result = row.status === status ? row : await this.write(tx, ctx, id, status);
      // Also when nothing changed: an earlier call may not have reached auth.
      tx.afterCommit(() => this.tellAuth(ctx, result));
      return toProfile(result);
    });
  }

  private async write(
    tx: Transaction,
    ctx: CallContext,
    id: string,
    status: ProfileRow['status'],
  ): Promise<ProfileRow> {
    const row = await this.profiles.updateStatus(tx, id, status);
    await this.audit.record(tx, ctx, {
      action: status === 'active' ? 'user.reactivated' : 'user.deactivated',
      outcome: 'success',
      target: { type: 'user', id },
      details: { version: row.version },
    });
    await this.messaging.publish(tx, ctx, userStatusChanged, {
      aggregate: { type: 'user', id, version: row.version },
      data: { user_id: id, status, version: row.version },
    });
    tx.afterCommit(() => this.cache.invalidate([userTag(id)]));
    return row;
  }

  /** The change is committed and the event under way: a failure here only means that it takes longer. */
  private async tellAuth(ctx: CallContext, { id, status, version }: ProfileRow): Promise<void> {
    try {
      await this.sessions.applyStatus(ctx, { user_id: id, status, version });
    } catch (error) {
      this.logger.warn('Auth could not be told of a status at once; the event will do it', {
        'user.target.id': id,
        error,
      });
    }
  }
}
