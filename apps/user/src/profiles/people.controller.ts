import { Body, Controller, Param, Query } from '@nestjs/common';
import { Roles, Scopes } from '@nexus/auth-guards';
import { Caller, Ctx, Endpoint, type ExpectedVersion, IfMatch, idParam } from '@nexus/http';
import type { CallContext, Page, UserActor } from '@nexus/kernel';
import {
  type Profile,
  type ProfilePatch,
  type ProfileQuery,
  type PublicProfile,
  profilePatch,
  profileQuery,
  profileSchema,
  publicProfileSchema,
} from './profile.schemas.js';
import { ProfilesService } from './profiles.service.js';
import { UserStatusService } from './user-status.service.js';

interface Id {
  readonly id: string;
}

/** Everyone: the public side for all, the rest for administrators. */
@Controller('api/v1/users')
export class PeopleController {
  constructor(
    private readonly profiles: ProfilesService,
    private readonly status: UserStatusService,
  ) {}

  @Scopes('users:read')
  @Endpoint('GET', '', {
    operation: 'listUsers',
    summary: 'Find people (administrators)',
    list: profileSchema,
    errors: ['invalid_cursor'],
  })
  @Roles('admin')
  list(@Query({ schema: profileQuery }) query: ProfileQuery): Promise<Page<Profile>> {
    return this.profiles.list(query);
  }

  @Scopes('users:read')
  @Endpoint('GET', ':id', {
    operation: 'getUser',
    summary: 'What everyone may see of a person',
    description: 'Deactivated people are shown to administrators only.',
    response: publicProfileSchema,
    errors: ['user_not_found'],
    cache: {
      audience: 'role',
      tags: ['user:{id}'],
      staleWhileRevalidateSeconds: 30,
      staleIfErrorSeconds: 300,
      notFoundSeconds: 5,
    },
  })
  read(@Caller() caller: UserActor, @Param({ schema: idParam }) { id }: Id): Promise<PublicProfile> {
    return this.profiles.visible(caller, id);
  }

  @Scopes('users:write')
  @Endpoint('PATCH', ':id', {
    operation: 'updateUser',
    summary: "Change a person's profile (administrators)",
    response: profileSchema,
    example: { name: 'Ada Lovelace', phone: null },
    errors: ['user_not_found', 'stale_version'],
  })
  @Roles('admin')
  update(
    @Ctx() ctx: CallContext,
    @Param({ schema: idParam }) { id }: Id,
    @Body({ schema: profilePatch }) patch: ProfilePatch,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Profile> {
    return this.profiles.update(ctx, id, patch, expected);
  }

  @Scopes('users:write')
  @Endpoint('POST', ':id/deactivate', {
    operation: 'deactivateUser',
    summary: 'Shut a person out (administrators)',
    description: 'Sign-in is refused and all tokens stop working before this answers. A second call changes nothing.',
    response: profileSchema,
    errors: ['user_not_found', 'cannot_deactivate_self', 'stale_version'],
  })
  @Roles('admin')
  deactivate(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: Id,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Profile> {
    return this.status.deactivate(ctx, caller, id, expected);
  }

  @Scopes('users:write')
  @Endpoint('POST', ':id/reactivate', {
    operation: 'reactivateUser',
    summary: 'Let a person in again (administrators)',
    response: profileSchema,
    errors: ['user_not_found', 'stale_version'],
  })
  @Roles('admin')
  reactivate(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: Id,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Profile> {
    return this.status.reactivate(ctx, caller, id, expected);
  }
}
