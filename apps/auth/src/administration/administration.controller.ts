import { Body, Controller, Param } from '@nestjs/common';
import { Roles } from '@nexus/auth-guards';
import { Ctx, Endpoint, type ExpectedVersion, IfMatch, idParam } from '@nexus/http';
import type { CallContext } from '@nexus/kernel';
import { type AccountView, accountView } from '../accounts/accounts.schemas.js';
import { type RoleRequest, roleRequest } from './administration.schemas.js';
import { Administration } from './administration.service.js';

@Roles('admin')
@Controller('api/v1/auth/users')
export class AdministrationController {
  constructor(private readonly administration: Administration) {}

  @Endpoint('PUT', ':id/role', {
    operation: 'setUserRole',
    summary: 'Give a person another role',
    description: 'Access tokens with the former role are refused at once; a refresh brings ones with the new role.',
    response: accountView,
    errors: ['account_not_found', 'last_admin', 'stale_version'],
  })
  setRole(
    @Ctx() ctx: CallContext,
    @Param({ schema: idParam }) { id }: { id: string },
    @Body({ schema: roleRequest }) { role }: RoleRequest,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<AccountView> {
    return this.administration.setRole(ctx, id, role, expected);
  }

  @Endpoint('POST', ':id/lock', {
    operation: 'lockUser',
    summary: 'Keep a person from signing in',
    description: 'Ends all sessions of the person at once. Their API keys are refused until the person is unlocked.',
    response: accountView,
    errors: ['account_not_found', 'last_admin'],
  })
  lock(@Ctx() ctx: CallContext, @Param({ schema: idParam }) { id }: { id: string }): Promise<AccountView> {
    return this.administration.lock(ctx, id);
  }

  @Endpoint('POST', ':id/unlock', {
    operation: 'unlockUser',
    summary: 'Let a person sign in again',
    description: 'Also forgets failed sign-ins, so that the person need not wait.',
    response: accountView,
    errors: ['account_not_found'],
  })
  unlock(@Ctx() ctx: CallContext, @Param({ schema: idParam }) { id }: { id: string }): Promise<AccountView> {
    return this.administration.unlock(ctx, id);
  }
}
