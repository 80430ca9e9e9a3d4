import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import type { Transaction } from '@nexus/database';
import type { CallContext } from '@nexus/kernel';
import { ApiKeysRepository } from '../api-keys/api-keys.repository.js';
import { KEY_TOKEN_SECONDS } from '../keys/access-tokens.service.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { type Ending, type Session, SessionsRepository, type Touched } from './sessions.repository.js';
import { type RevokedTokens, TokenRevocations } from './token-revocations.service.js';

/** Why a session ended; kept with it and in the audit record. */
export type EndReason =
  | 'logout'
  | 'logout_all'
  | 'ended_by_owner'
  | 'password_changed'
  | 'token_reused'
  | 'account_locked'
  | 'account_deactivated'
  | (string & {});

/** Ends sessions, or the access tokens they have, so that every verifier knows before the change is answered. */
@Injectable()
export class SessionEnding {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly apiKeys: ApiKeysRepository,
    private readonly revocations: TokenRevocations,
    private readonly audit: AuditTrail,
    private readonly clock: AuthClock,
  ) {}

  /**
   * Ends sessions of a person, whose API keys go on. The last thing to do in a transaction: from here to its end nobody
   * else can revoke.
   * @returns how many ended
   */
  async end(tx: Transaction, ctx: CallContext, which: Ending, reason: EndReason): Promise<number> {
    const ended = await this.endRows(tx, ctx, which, reason);
    await this.revocations.add(tx, ended.map(allTokens));
    return ended.length;
  }

  /** Ends a session one of whose tokens was presented a second time. As {@link end}, the last thing to do. */
  async endStolen(tx: Transaction, ctx: CallContext, session: Session, presented: number): Promise<void> {
    await this.audit.record(tx, ctx, {
      action: 'session.token_reused',
      outcome: 'denied',
      target: { type: 'session', id: session.id },
      details: { account: session.userId, presented, current: session.generation },
    });
    await this.end(tx, ctx, { userId: session.userId, only: session.id }, 'token_reused');
  }

  /**
   * Ends all that a person who may not come in any more has: the sessions for good, and the access tokens that were made
   * for API keys, which work again once the person may come in again. As {@link end}, the last thing to do.
   * @returns how many sessions ended
   */
  async shutOut(tx: Transaction, ctx: CallContext, userId: string, reason: EndReason): Promise<number> {
    const ended = await this.endRows(tx, ctx, { userId }, reason);
    await this.revocations.add(tx, [...ended.map(allTokens), ...(await this.outdateKeys(tx, userId))]);
    return ended.length;
  }

  /**
   * Lets the sessions and API keys of a person live but refuses the access tokens they have. As {@link end}, the last
   * thing to do.
   */
  async outdateTokens(tx: Transaction, userId: string): Promise<void> {
    const outdated = await this.sessions.outdateTokens(tx, userId);
    const sessions = outdated.map((session) => ({ ...allTokens(session), minVersion: session.version }));
    await this.revocations.add(tx, [...sessions, ...(await this.outdateKeys(tx, userId))]);
  }

  private async endRows(tx: Transaction, ctx: CallContext, which: Ending, reason: EndReason): Promise<Touched[]> {
    const ended = await this.sessions.end(tx, which, new Date(this.clock.now()), reason);
    if (ended.length === 0) return ended;
    await this.audit.record(tx, ctx, {
      action: which.only ? 'session.ended' : 'sessions.ended',
      outcome: 'success',
      target: which.only ? { type: 'session', id: which.only } : { type: 'account', id: which.userId },
      details: { reason, sessions: ended.length, account: which.userId },
    });
    return ended;
  }

  private async outdateKeys(tx: Transaction, userId: string): Promise<RevokedTokens[]> {
    const outdated = await this.apiKeys.outdate(tx, userId);
    const tokensExpireAt = new Date(this.clock.now() + KEY_TOKEN_SECONDS * 1000);
    return outdated.map(({ id, version }) => ({ id, minVersion: version, tokensExpireAt }));
  }
}

function allTokens({ id, tokenExpiresAt }: Touched): RevokedTokens {
  return { id, minVersion: null, tokensExpireAt: tokenExpiresAt };
}
