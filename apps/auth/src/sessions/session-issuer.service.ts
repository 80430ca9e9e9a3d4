import { Inject, Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import type { Transaction } from '@nexus/database';
import { type CallContext, type Role, uuidv7 } from '@nexus/kernel';
import { type AuthConfig, authConfig } from '../auth.config.js';
import { AccessTokens } from '../keys/access-tokens.service.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { RefreshTokens } from './refresh-tokens.service.js';
import { type Session, SessionsRepository } from './sessions.repository.js';
import type { TokenPair } from './sessions.schemas.js';

/** Whose tokens are made. */
export interface TokenHolder {
  readonly id: string;
  readonly role: Role;
}

/** A session with the moment from which its next access token counts. */
export interface Grant {
  readonly session: Session;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const MAX_USER_AGENT = 512;

/** Where a session is used from. */
export function deviceOf(ctx: CallContext): Pick<Session, 'address' | 'userAgent'> {
  return { address: ctx.address ?? null, userAgent: ctx.userAgent?.slice(0, MAX_USER_AGENT) ?? null };
}

/** Opens and prolongs sessions, and makes their tokens. */
@Injectable()
export class SessionIssuer {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly access: AccessTokens,
    private readonly refresh: RefreshTokens,
    private readonly audit: AuditTrail,
    private readonly clock: AuthClock,
    @Inject(authConfig.token) private readonly config: AuthConfig,
  ) {}

  /** Opens a session; the caller holds the account, so that nobody bars it meanwhile. */
  async open(tx: Transaction, ctx: CallContext, userId: string, amr: readonly string[]): Promise<Grant> {
    const at = this.clock.now();
    const absolute = at + this.config.SESSION_ABSOLUTE_SECONDS * 1000;
    const session = await this.sessions.insert(tx, {
      id: uuidv7(at),
      userId,
      amr,
      ...deviceOf(ctx),
      createdAt: new Date(at),
      expiresAt: this.idleEnd(at, absolute),
      absoluteExpiresAt: new Date(absolute),
      tokenExpiresAt: this.tokenEnd(at),
    });
    await this.audit.record(tx, ctx, {
      action: 'session.start',
      outcome: 'success',
      actorId: userId,
      target: { type: 'session', id: session.id },
      details: { account: userId, methods: amr.join(' ') },
    });
    return { session, at };
  }

  /** Makes the next generation of a locked session. */
  async rotate(tx: Transaction, ctx: CallContext, session: Session): Promise<Grant> {
    const at = this.clock.now();
    const rotated = await this.sessions.rotate(tx, session.id, {
      at: new Date(at),
      expiresAt: this.idleEnd(at, session.absoluteExpiresAt.getTime()),
      tokenExpiresAt: this.tokenEnd(at),
      ...deviceOf(ctx),
    });
    return { session: rotated, at };
  }

  /** One more access token of a locked session, beside its present refresh token. */
  async repeat(tx: Transaction, session: Session): Promise<Grant> {
    const at = this.clock.now();
    return { session: await this.sessions.prolongToken(tx, session.id, this.tokenEnd(at)), at };
  }

  /** The tokens of a session, once what opened or prolonged it is committed. */
  async tokens(holder: TokenHolder, { session, at }: Grant): Promise<TokenPair> {
    const issuedAt = Math.floor(at / 1000);
    const access_token = await this.access.issue({
      userId: holder.id,
      role: holder.role,
      sessionId: session.id,
      sessionVersion: session.version,
      amr: session.amr,
      issuedAt,
      expiresAt: issuedAt + this.access.ttl,
    });
    return {
      access_token,
      token_type: 'Bearer',
      expires_in: this.access.ttl,
      refresh_token: this.refresh.issue({ sessionId: session.id, generation: session.generation }),
      refresh_expires_in: Math.max(0, Math.floor((session.expiresAt.getTime() - at) / 1000)),
    };
  }

  private idleEnd(at: number, absolute: number): Date {
    return new Date(Math.min(at + this.config.SESSION_IDLE_SECONDS * 1000, absolute));
  }

  private tokenEnd(at: number): Date {
    return new Date((Math.floor(at / 1000) + this.access.ttl) * 1000);
  }
}
