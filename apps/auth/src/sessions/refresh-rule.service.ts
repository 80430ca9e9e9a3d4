import { Inject, Injectable } from '@nestjs/common';
import { type AuthConfig, authConfig } from '../auth.config.js';
import { AuthClock } from '../time/auth-clock.service.js';
import type { Session } from './sessions.repository.js';

/** What decides about a presented refresh token. Times are milliseconds since the epoch. */
export interface RefreshState {
  /** Generation of the token that was handed out last. */
  readonly generation: number;
  /** When it replaced the one before; undefined for the first. */
  readonly rotatedAt: number | undefined;
  readonly expiresAt: number;
  readonly ended: boolean;
}

/**
 * `rotate`: the present token, a successor is made. `repeat`: the one before, presented again so soon that it is the
 * loser of a race: it gets the same successor. `reuse`: a token that was used before, so one of the two who have it
 * stole it. `refuse`: nothing to refresh.
 */
export type RefreshDecision = 'rotate' | 'repeat' | 'reuse' | 'refuse';

/** Refresh token rotation with reuse detection (RFC 9700 §4.14.2). */
export function decideRefresh(state: RefreshState, presented: number, now: number, graceMs: number): RefreshDecision {
  if (state.ended || now >= state.expiresAt) return 'refuse';
  if (presented === state.generation) return 'rotate';
  // Not reached by any token of ours, unless the database was put back to an earlier state.
  if (presented > state.generation) return 'refuse';
  const inGrace = state.rotatedAt !== undefined && now - state.rotatedAt < graceMs;
  return presented === state.generation - 1 && inGrace ? 'repeat' : 'reuse';
}

/** {@link decideRefresh} for a stored session, as configured, now. */
@Injectable()
export class RefreshRule {
  private readonly graceMs: number;

  constructor(
    private readonly clock: AuthClock,
    @Inject(authConfig.token) config: AuthConfig,
  ) {
    this.graceMs = config.REFRESH_GRACE_SECONDS * 1000;
  }

  decide(session: Session, presented: number): RefreshDecision {
    const state: RefreshState = {
      generation: session.generation,
      rotatedAt: session.rotatedAt?.getTime(),
      expiresAt: session.expiresAt.getTime(),
      ended: session.endedAt !== null,
    };
    return decideRefresh(state, presented, this.clock.now(), this.graceMs);
  }
}
