import { Inject, Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { challenge } from '@nexus/auth-guards';
import { Database, type Transaction } from '@nexus/database';
import type { AppError, CallContext } from '@nexus/kernel';
import { barredBy } from '../accounts/account.entity.js';
import { AccountsRepository } from '../accounts/accounts.repository.js';
import { type AuthConfig, authConfig } from '../auth.config.js';
import { authErrors } from '../auth.errors.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { decideRefresh } from './refresh-rule.service.js';
import { type RefreshClaim, RefreshTokens } from './refresh-tokens.service.js';
import { SessionEnding } from './session-ending.service.js';
import { type Grant, SessionIssuer, type TokenHolder } from './session-issuer.service.js';
import { type Session, SessionsRepository } from './sessions.repository.js';
import type { Refreshed } from './sessions.schemas.js';

type Outcome = { readonly holder: TokenHolder; readonly grant: Grant } | { readonly refusal: AppError };

/** Statements of a refresh and what it decides by. */
@Injectable()
export class RefreshStore {
  constructor(
    readonly db: Database,
    readonly sessions: SessionsRepository,
    readonly accounts: AccountsRepository,
    readonly audit: AuditTrail,
  ) {}
}

/** Exchanges a refresh token for the next pair of tokens. */
@Injectable()
export class RefreshService {
  private readonly graceMs: number;

  constructor(
    private readonly store: RefreshStore,
    private readonly tokens: RefreshTokens,
    private readonly issuer: SessionIssuer,
    private readonly ending: SessionEnding,
    private readonly clock: AuthClock,
    @Inject(authConfig.token) config: AuthConfig,
  ) {
    this.graceMs = config.REFRESH_GRACE_SECONDS * 1000;
  }

  /** @throws AppError `invalid_refresh_token`, `token_reused` */
  async refresh(ctx: CallContext, token: string): Promise<Refreshed> {
    const claim = this.tokens.read(token);
    if (!claim) throw refused();
    // A refusal is thrown after the commit: the end of a stolen session must be kept.
    const outcome = await this.store.db.transaction((tx) => this.decide(tx, ctx, claim));
    if ('refusal' in outcome) throw outcome.refusal;
    return { tokens: await this.issuer.tokens(outcome.holder, outcome.grant) };
  }

  private async decide(tx: Transaction, ctx: CallContext, claim: RefreshClaim): Promise<Outcome> {
    const session = await this.store.sessions.lock(tx, claim.sessionId);
    if (!session) return { refusal: refused() };
    const decision = decideRefresh(toState(session), claim.generation, this.clock.now(), this.graceMs);
    if (decision === 'refuse') return { refusal: refused() };
    if (decision === 'reuse') return this.reused(tx, ctx, session, claim);
    // A statement of its own, after the lock: a role that was changed while we waited must be seen, as the session's
    // version is.
    const account = await this.store.accounts.byId(session.userId, tx);
    if (!account || barredBy(account)) return { refusal: refused() };
    const grant =
      decision === 'rotate' ? await this.issuer.rotate(tx, ctx, session) : await this.issuer.repeat(tx, session);
    return { holder: account, grant };
  }

  private async reused(tx: Transaction, ctx: CallContext, session: Session, claim: RefreshClaim): Promise<Outcome> {
    await this.store.audit.record(tx, ctx, {
      action: 'session.token_reused',
      outcome: 'denied',
      target: { type: 'session', id: session.id },
      details: { account: session.userId, presented: claim.generation, current: session.generation },
    });
    await this.ending.end(tx, ctx, { userId: session.userId, only: session.id }, 'token_reused');
    return { refusal: authErrors.token_reused({ headers: challenge('invalid_token') }) };
  }
}

function refused(): AppError {
  return authErrors.invalid_refresh_token({ headers: challenge('invalid_token') });
}

function toState(session: Session) {
  return {
    generation: session.generation,
    rotatedAt: session.rotatedAt?.getTime(),
    expiresAt: session.expiresAt.getTime(),
    ended: session.endedAt !== null,
  };
}
