import { Body, Controller } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { Caller, Ctx, Endpoint, type ExpectedVersion, IfMatch } from '@nexus/http';
import type { CallContext, UserActor } from '@nexus/kernel';
import { type Preferences, preferencesSchema } from './preferences.schemas.js';
import { PreferencesService } from './preferences.service.js';

/** What the caller's clients keep about how they like things. */
@Controller('api/v1/users/me/preferences')
export class PreferencesController {
  constructor(private readonly preferences: PreferencesService) {}

  @Scopes('profile:read')
  @Endpoint('GET', '', { operation: 'getPreferences', summary: 'Your preferences', response: preferencesSchema })
  read(@Caller() caller: UserActor): Promise<Preferences> {
    return this.preferences.read(caller);
  }

  @Scopes('profile:write')
  @Endpoint('PUT', '', {
    operation: 'replacePreferences',
    summary: 'Replace your preferences',
    response: preferencesSchema,
    example: { theme: 'dark', sidebarWidth: 240 },
    errors: ['user_not_found', 'stale_version'],
  })
  replace(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Body({ schema: preferencesSchema }) data: Preferences,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Preferences> {
    return this.preferences.replace(ctx, caller, data, expected);
  }
}
