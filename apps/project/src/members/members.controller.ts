import { Body, Controller, Param, Query } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { Caller, Ctx, Endpoint, type ExpectedVersion, IfMatch, idParam } from '@nexus/http';
import type { CallContext, Page, UserActor } from '@nexus/kernel';
import {
  type Member,
  type MemberBody,
  type MemberParam,
  type MemberQuery,
  memberBody,
  memberParam,
  memberQuery,
  memberSchema,
} from './members.schemas.js';
import { MembersService } from './members.service.js';

const CHANGE_ERRORS = ['project_not_found', 'project_role_too_low', 'project_trashed', 'last_owner', 'stale_version'];

/** Who takes part in a project. */
@Controller('api/v1/projects/:id/members')
export class MembersController {
  constructor(private readonly members: MembersService) {}

  @Scopes('projects:read')
  @Endpoint('GET', '', {
    operation: 'listProjectMembers',
    summary: 'The members of a project',
    list: memberSchema,
    errors: ['project_not_found', 'invalid_cursor'],
  })
  list(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: { id: string },
    @Query({ schema: memberQuery }) query: MemberQuery,
  ): Promise<Page<Member>> {
    return this.members.list(ctx, caller, id, query);
  }

  @Scopes('projects:write')
  @Endpoint('PUT', ':user_id', {
    operation: 'putProjectMember',
    summary: "Add a member, or change a member's role (owners)",
    response: memberSchema,
    example: { role: 'editor' },
    errors: [...CHANGE_ERRORS, 'user_not_found'],
  })
  put(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: memberParam }) target: MemberParam,
    @Body({ schema: memberBody }) { role }: MemberBody,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Member> {
    return this.members.put(ctx, caller, target, role, expected);
  }

  @Scopes('projects:write')
  @Endpoint('DELETE', ':user_id', {
    operation: 'removeProjectMember',
    summary: 'Remove a member (owners), or leave',
    errors: [...CHANGE_ERRORS, 'member_not_found'],
  })
  remove(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: memberParam }) target: MemberParam,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<void> {
    return this.members.remove(ctx, caller, target, expected);
  }
}
