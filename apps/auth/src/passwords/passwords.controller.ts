import { Body, Controller } from '@nestjs/common';
import { Caller, Ctx, Endpoint } from '@nexus/http';
import type { CallContext, UserActor } from '@nexus/kernel';
import { PasswordChange } from './password-change.service.js';
import { type PasswordChangeRequest, passwordChangeRequest } from './passwords.schemas.js';

@Controller('api/v1/auth/password')
export class PasswordsController {
  constructor(private readonly changing: PasswordChange) {}

  @Endpoint('POST', 'change', {
    operation: 'changePassword',
    summary: 'Change the password',
    description:
      'Ends every other session of the caller and tells the owner by mail. A wrong current password counts as a failed sign-in.',
    errors: [
      'password_too_short',
      'password_too_long',
      'password_too_common',
      'password_contains_email',
      'password_unchanged',
      'invalid_credentials',
      'too_many_failures',
    ],
    // A wrong password must be counted although the request fails, and no digest of a body with passwords be kept.
    idempotency: 'refused',
    priority: 'sign_in',
    maxBodyBytes: 16 * 1024,
  })
  async change(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Body({ schema: passwordChangeRequest }) body: PasswordChangeRequest,
  ): Promise<void> {
    await this.changing.change(ctx, caller, body);
  }
}
