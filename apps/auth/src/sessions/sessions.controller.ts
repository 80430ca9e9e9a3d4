import { Body, Controller, Param, Query } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { Caller, Ctx, Endpoint, idParam } from '@nexus/http';
import type { CallContext, Page, UserActor } from '@nexus/kernel';
import { CredentialLimit } from '@nexus/throttling';
import { RefreshService } from './refresh.service.js';
import {
  type Refreshed,
  type RefreshRequest,
  refreshed,
  refreshRequest,
  type SessionQuery,
  type SessionView,
  sessionQuery,
  sessionView,
} from './sessions.schemas.js';
import { SessionsService } from './sessions.service.js';

const SMALL_BODY = 16 * 1024;

@Controller('api/v1/auth')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly refreshing: RefreshService,
  ) {}

  @Public()
  @CredentialLimit('refresh')
  @Endpoint('POST', 'refresh', {
    operation: 'refreshTokens',
    summary: 'Exchange a refresh token for new tokens',
    description:
      'A refresh token is for one use. Used again within the grace time (10 s) it gets the same successor; later the session is ended, because two parties hold the token.',
    response: refreshed,
    errors: ['invalid_refresh_token', 'token_reused'],
    idempotency: 'refused',
    priority: 'sign_in',
    maxBodyBytes: SMALL_BODY,
  })
  refresh(@Ctx() ctx: CallContext, @Body({ schema: refreshRequest }) body: RefreshRequest): Promise<Refreshed> {
    return this.refreshing.refresh(ctx, body.refresh_token);
  }

  @Endpoint('POST', 'logout', {
    operation: 'logout',
    summary: 'End the session of this request',
    description: 'Its access tokens stop working at once, on every service.',
    priority: 'sign_in',
  })
  async logout(@Ctx() ctx: CallContext, @Caller() caller: UserActor): Promise<void> {
    await this.sessions.logout(ctx, caller);
  }

  @Endpoint('POST', 'logout-all', {
    operation: 'logoutAll',
    summary: 'End every session of the caller',
    description: 'All access tokens of the caller stop working at once, on every service.',
    priority: 'sign_in',
  })
  async logoutAll(@Ctx() ctx: CallContext, @Caller() caller: UserActor): Promise<void> {
    await this.sessions.logoutAll(ctx, caller);
  }

  @Endpoint('GET', 'sessions', {
    operation: 'listSessions',
    summary: 'List the sessions of the caller',
    list: sessionView,
  })
  list(@Caller() caller: UserActor, @Query({ schema: sessionQuery }) query: SessionQuery): Promise<Page<SessionView>> {
    return this.sessions.list(caller, query);
  }

  @Endpoint('DELETE', 'sessions/:id', {
    operation: 'endSession',
    summary: 'End a session of the caller',
    errors: ['session_not_found'],
  })
  async end(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: { id: string },
  ): Promise<void> {
    await this.sessions.end(ctx, caller, id);
  }
}
