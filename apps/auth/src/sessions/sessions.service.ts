import { Injectable } from '@nestjs/common';
import { Database } from '@nexus/database';
import { type CallContext, decodeCursor, encodeCursor, errors, isUuid, type Page, type UserActor } from '@nexus/kernel';
import { authErrors } from '../auth.errors.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { deviceName } from './device-name.service.js';
import { SessionEnding } from './session-ending.service.js';
import { type Session, SessionsRepository } from './sessions.repository.js';
import type { SessionQuery, SessionView } from './sessions.schemas.js';

/** A person's own sessions. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly db: Database,
    private readonly sessions: SessionsRepository,
    private readonly ending: SessionEnding,
    private readonly clock: AuthClock,
  ) {}

  /** The caller's sessions that can be used. */
  async list(caller: UserActor, query: SessionQuery): Promise<Page<SessionView>> {
    const after = query.cursor === undefined ? undefined : position(query.sort, query.cursor);
    const { rows, total } = await this.sessions.page({
      userId: caller.id,
      at: new Date(this.clock.now()),
      newestFirst: query.sort === '-created_at',
      after,
      limit: query.limit + 1,
    });
    const items = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? items.at(-1) : undefined;
    return {
      items: items.map((session) => toView(session, caller.sessionId)),
      limit: query.limit,
      nextCursor: last ? encodeCursor(query.sort, { key: last.createdAt.toISOString(), id: last.id }) : null,
      total,
    };
  }

  /** Ends one of the caller's sessions. @throws AppError `session_not_found` */
  async end(ctx: CallContext, caller: UserActor, id: string): Promise<void> {
    await this.db.transaction(async (tx) => {
      const ended = await this.ending.end(tx, ctx, { userId: caller.id, only: id }, 'ended_by_owner');
      if (ended === 0) throw authErrors.session_not_found();
    });
  }

  /** Ends the session the caller came with. */
  async logout(ctx: CallContext, caller: UserActor): Promise<void> {
    await this.db.transaction((tx) =>
      this.ending.end(tx, ctx, { userId: caller.id, only: caller.sessionId }, 'logout'),
    );
  }

  /** Ends every session of the caller. */
  async logoutAll(ctx: CallContext, caller: UserActor): Promise<void> {
    await this.db.transaction((tx) => this.ending.end(tx, ctx, { userId: caller.id }, 'logout_all'));
  }
}

/** A cursor is the client's text: it reaches the database as a time and an id or not at all. */
function position(sort: string, cursor: string): { createdAt: Date; id: string } {
  const { key, id } = decodeCursor(sort, cursor);
  const createdAt = new Date(key);
  const isCanonical = /^\d{4}-/.test(key) && !Number.isNaN(createdAt.getTime()) && createdAt.toISOString() === key;
  if (!isCanonical || !isUuid(id)) throw errors.invalid_cursor({ field: 'cursor' });
  return { createdAt, id };
}

function toView(session: Session, currentId: string): SessionView {
  return {
    id: session.id,
    device: deviceName(session.userAgent),
    address: session.address,
    created_at: session.createdAt.toISOString(),
    last_used_at: session.lastUsedAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
    current: session.id === currentId,
  };
}
