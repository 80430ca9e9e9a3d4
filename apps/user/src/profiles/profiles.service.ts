import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { ResponseCache } from '@nexus/caching';
import { Database } from '@nexus/database';
import { assertVersion, type ExpectedVersion } from '@nexus/http';
import { type CallContext, errors, type Page, type UserActor } from '@nexus/kernel';
import type { Profile, ProfilePatch, ProfileQuery, PublicProfile } from './profile.schemas.js';
import { type ProfileFields, type ProfileRow, ProfilesRepository } from './profiles.repository.js';

/** Tag of every cached answer that shows something of a person. */
export function userTag(id: string): string {
  return `user:${id}`;
}

export function toProfile(row: ProfileRow): Profile {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    bio: row.bio,
    locale: row.locale,
    timezone: row.timezone,
    phone: row.phone,
    avatar_url: null,
    status: row.status,
    role: row.role,
    email_verified: row.email_verified,
    version: row.version,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** Fields that the patch really changes. */
function changedFields(row: ProfileRow, patch: ProfilePatch): (keyof ProfileFields)[] {
  const names = Object.keys(patch) as (keyof ProfileFields)[];
  return names.filter((name) => patch[name] !== undefined && patch[name] !== row[name]);
}

/** People as they are shown and edited. */
@Injectable()
export class ProfilesService {
  constructor(
    private readonly db: Database,
    private readonly profiles: ProfilesRepository,
    private readonly audit: AuditTrail,
    private readonly cache: ResponseCache,
  ) {}

  /** The caller's own profile. @throws AppError `user_not_found` until the account has reached this service */
  async own(caller: UserActor): Promise<Profile> {
    const row = await this.profiles.find(caller.id);
    if (!row) throw errors.user_not_found();
    return toProfile(row);
  }

  /**
   * What everyone may see of a person. A deactivated one is there for administrators only.
   * @throws AppError `user_not_found`
   */
  async visible(caller: UserActor, id: string): Promise<PublicProfile> {
    const row = await this.profiles.find(id);
    if (!row || (row.status !== 'active' && caller.role !== 'admin')) throw errors.user_not_found();
    return {
      id: row.id,
      name: row.name,
      bio: row.bio,
      avatar_url: null,
      version: row.version,
      created_at: row.created_at.toISOString(),
    };
  }

  async list(query: ProfileQuery): Promise<Page<Profile>> {
    const page = await this.profiles.list(query);
    return { ...page, items: page.items.map(toProfile) };
  }

  /**
   * Changes a profile: the caller's own, or anyone's for an administrator (the routes see to that).
   * @throws AppError `user_not_found`, `stale_version`
   */
  update(ctx: CallContext, id: string, patch: ProfilePatch, expected: ExpectedVersion | undefined): Promise<Profile> {
    return this.db.transaction(async (tx) => {
      const [row] = await this.profiles.lock(tx, [id]);
      if (!row) throw errors.user_not_found();
      assertVersion(expected, row.version);
      const changed = changedFields(row, patch);
      if (changed.length === 0) return toProfile(row);
      const updated = await this.profiles.updateFields(tx, row, { ...row, ...patch });
      await this.audit.record(tx, ctx, {
        action: 'user.updated',
        outcome: 'success',
        target: { type: 'user', id },
        details: { fields: changed.join(' '), version: updated.version },
      });
      tx.afterCommit(() => this.cache.invalidate([userTag(id)]));
      return toProfile(updated);
    });
  }
}
