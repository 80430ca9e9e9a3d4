import { Injectable } from '@nestjs/common';
import { challenge } from '@nexus/auth-guards';
import { Database, type Transaction } from '@nexus/database';
import type { AppError, CallContext } from '@nexus/kernel';
import { barredBy } from '../accounts/account.entity.js';
import { AccountsRepository } from '../accounts/accounts.repository.js';
import { authErrors } from '../auth.errors.js';
import { RefreshRule } from './refresh-rule.service.js';
import { type RefreshClaim, RefreshTokens } from './refresh-tokens.service.js';
import { SessionEnding } from './session-ending.service.js';
import { type Grant, SessionIssuer, type TokenHolder } from './session-issuer.service.js';
import { SessionsRepository } from './sessions.repository.js';
import type { Refreshed } from './sessions.schemas.js';

type Outcome = { readonly holder: TokenHolder; readonly grant: Grant } | { readonly refusal: AppError };

/** Exchanges a refresh token for the next pair of tokens. */
@Injectable()
export class RefreshService {
  constructor(
    private readonly db: Database,
    private readonly sessions: SessionsRepository,
    private readonly accounts: AccountsRepository,
    private readonly tokens: RefreshTokens,
    private readonly rule: RefreshRule,
    private readonly issuer: SessionIssuer,
    private readonly ending: SessionEnding,
  ) {}

  /** @throws AppError `invalid_refresh_token`, `token_reused` */
  async refresh(ctx: CallContext, token: string): Promise<Refreshed> {
    const claim = this.tokens.read(token);
    if (!claim) throw refused();
    // A refusal is thrown after the commit: the end of a stolen session must be kept.
    const outcome = await this.db.transaction((tx) => this.decide(tx, ctx, claim));
    if ('refusal' in outcome) throw outcome.refusal;
    return { tokens: await this.issuer.tokens(outcome.holder, outcome.grant) };
  }

  private async decide(tx: Transaction, ctx: CallContext, claim: RefreshClaim): Promise<Outcome> {
    const session = await this.sessions.lock(tx, claim.sessionId);
    const decision = session ? this.rule.decide(session, claim.generation) : 'refuse';
    if (!session || decision === 'refuse') return { refusal: refused() };
    if (decision === 'reuse') {
      await this.ending.endStolen(tx, ctx, session, claim.generation);
      return { refusal: authErrors.token_reused({ headers: challenge('invalid_token') }) };
    }
    // A statement of its own, after the lock: a role that was changed while we waited must be seen, as the session's
    // version is.
    const account = await this.accounts.byId(session.userId, tx);
    if (!account || barredBy(account)) return { refusal: refused() };
    const grant =
      decision === 'rotate' ? await this.issuer.rotate(tx, ctx, session) : await this.issuer.repeat(tx, session);
    return { holder: account, grant };
  }
}

function refused(): AppError {
  return authErrors.invalid_refresh_token({ headers: challenge('invalid_token') });
}
