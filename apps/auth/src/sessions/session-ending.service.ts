import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import type { Transaction } from '@nexus/database';
import type { CallContext } from '@nexus/kernel';
import { AuthClock } from '../time/auth-clock.service.js';
import { RevocationStream } from './revocation-stream.service.js';
import { type NewRevocation, RevocationsRepository } from './revocations.repository.js';
import { type Ending, type Session, SessionsRepository, type Touched } from './sessions.repository.js';

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

/** Clocks of those who check tokens may be so far off, in ms. */
const SKEW_MS = 60_000;

/** Ends sessions, or the access tokens they have, so that every verifier knows before the change is answered. */
@Injectable()
export class SessionEnding {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly revocations: RevocationsRepository,
    private readonly stream: RevocationStream,
    private readonly audit: AuditTrail,
    private readonly clock: AuthClock,
  ) {}

  /**
   * Ends sessions of a person. The last thing to do in a transaction: from here to its end nobody else can revoke.
   * @returns how many ended
   */
  async end(tx: Transaction, ctx: CallContext, which: Ending, reason: EndReason): Promise<number> {
    const ended = await this.sessions.end(tx, which, new Date(this.clock.now()), reason);
    if (ended.length === 0) return 0;
    await this.audit.record(tx, ctx, {
      action: which.only ? 'session.ended' : 'sessions.ended',
      outcome: 'success',
      target: which.only ? { type: 'session', id: which.only } : { type: 'account', id: which.userId },
      details: { reason, sessions: ended.length, account: which.userId },
    });
    await this.revoke(tx, ended, () => null);
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

  /** Lets the sessions live but refuses the access tokens they have. As {@link end}, the last thing to do. */
  async outdateTokens(tx: Transaction, userId: string): Promise<void> {
    await this.revoke(tx, await this.sessions.outdateTokens(tx, userId), (session) => session.version);
  }

  private async revoke(tx: Transaction, touched: readonly Touched[], minVersion: (of: Touched) => number | null) {
    const now = this.clock.now();
    const entries: NewRevocation[] = [];
    for (const session of touched) {
      const expiresAt = new Date(session.tokenExpiresAt.getTime() + SKEW_MS);
      // Where every token has expired there is nothing to refuse.
      if (expiresAt.getTime() > now)
        entries.push({ sessionId: session.id, minVersion: minVersion(session), expiresAt });
    }
    const written = await this.revocations.append(tx, entries);
    if (written.length > 0) tx.afterCommit(() => this.stream.announce(written));
  }
}
