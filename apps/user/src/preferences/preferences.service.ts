import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { Database } from '@nexus/database';
import { assertRepresentation, type ExpectedVersion } from '@nexus/http';
import { type CallContext, errors, type UserActor } from '@nexus/kernel';
import { ProfilesRepository } from '../profiles/profiles.repository.js';
import { PreferencesRepository } from './preferences.repository.js';
import type { Preferences } from './preferences.schemas.js';

/** The caller's own preferences; an empty object until something is put there. */
@Injectable()
export class PreferencesService {
  constructor(
    private readonly db: Database,
    private readonly preferences: PreferencesRepository,
    private readonly profiles: ProfilesRepository,
    private readonly audit: AuditTrail,
  ) {}

  async read(caller: UserActor): Promise<Preferences> {
    return (await this.preferences.find(caller.id))?.data ?? {};
  }

  /** Puts the whole object in the place of the old one. @throws AppError `user_not_found`, `stale_version` */
  replace(ctx: CallContext, caller: UserActor, data: Preferences, expected?: ExpectedVersion): Promise<Preferences> {
    return this.db.transaction(async (tx) => {
      // The profile is locked because there may be no preferences yet to lock.
      const [profile] = await this.profiles.lock(tx, [caller.id]);
      if (!profile) throw errors.user_not_found();
      const known = await this.preferences.find(caller.id, tx.manager);
      assertRepresentation(expected, known?.data ?? {});
      await this.preferences.save(tx, caller.id, data, known);
      await this.audit.record(tx, ctx, {
        action: 'user.preferences_replaced',
        outcome: 'success',
        target: { type: 'user', id: caller.id },
      });
      return data;
    });
  }
}
