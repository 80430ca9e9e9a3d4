import { Body, Controller } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { Caller, Ctx, Endpoint, type ExpectedVersion, IfMatch } from '@nexus/http';
import type { CallContext, UserActor } from '@nexus/kernel';
import { type Profile, type ProfilePatch, profilePatch, profileSchema } from './profile.schemas.js';
import { ProfilesService } from './profiles.service.js';

/** The caller's own profile. */
@Controller('api/v1/users/me')
export class OwnProfileController {
  constructor(private readonly profiles: ProfilesService) {}

  @Scopes('profile:read')
  @Endpoint('GET', '', {
    operation: 'getOwnProfile',
    summary: 'Your profile',
    response: profileSchema,
    errors: ['user_not_found'],
    cache: { audience: 'user', tags: ['user:{actor}'] },
  })
  read(@Caller() caller: UserActor): Promise<Profile> {
    return this.profiles.own(caller);
  }

  @Scopes('profile:write')
  @Endpoint('PATCH', '', {
    operation: 'updateOwnProfile',
    summary: 'Change your profile',
    response: profileSchema,
    example: { name: 'Ada Lovelace', bio: 'Analyst.', locale: 'en-GB', timezone: 'Europe/London' },
    errors: ['user_not_found', 'stale_version'],
  })
  update(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Body({ schema: profilePatch }) patch: ProfilePatch,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Profile> {
    return this.profiles.update(ctx, caller.id, patch, expected);
  }
}
