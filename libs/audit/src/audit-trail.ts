import type { SchemaPlan, Sql } from '@nexus/database';
import { type CallContext, uuidv7 } from '@nexus/kernel';
import { AuditRecords1763856000001 } from './audit.migration.js';

/** What happened. Never put a credential or a raw token in `details`. */
export interface AuditEntry {
  /** `<aggregate>.<what happened>`, e.g. `session.started`. */
  readonly action: string;
  readonly outcome: 'success' | 'failure' | 'denied';
  readonly target?: { readonly type: string; readonly id: string };
  /** Who acted, where it is not the caller (a sign-in is made by nobody yet). */
  readonly actorId?: string;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

const INSERT = `
  INSERT INTO audit.records
    (id, service, action, outcome, actor_kind, actor_id, target_type, target_id, address, user_agent, request_id, trace_id, details)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`;
const MAX_USER_AGENT = 256;

/** Writes the audit trail of one service. */
export class AuditTrail {
  constructor(private readonly service: string) {}

  /**
   * Adds a record, in the transaction of the change (pass it), or alone for what changed nothing, such as a
   * refused sign-in (pass the database). It names the API key that was used, where it was one.
   */
  async record(sql: Sql, ctx: CallContext, entry: AuditEntry): Promise<void> {
    const { actor } = ctx;
    const byKey = actor.kind === 'user' && actor.keyId !== undefined ? { api_key: actor.keyId } : {};
    await sql.prepared(INSERT, [
      uuidv7(),
      this.service,
      entry.action,
      entry.outcome,
      actor.kind,
      entry.actorId ?? (actor.kind === 'anonymous' ? null : actor.id),
      entry.target?.type ?? null,
      entry.target?.id ?? null,
      ctx.address ?? null,
      ctx.userAgent?.slice(0, MAX_USER_AGENT) ?? null,
      ctx.requestId,
      ctx.trace.traceId,
      JSON.stringify({ ...entry.details, ...byKey }),
    ]);
  }
}

/** The trail's schema: every service may add and read, none may change. */
export const auditPlan: SchemaPlan = {
  schema: 'audit',
  migrations: [AuditRecords1763856000001],
  platformTables: false,
  grants: { to: 'all', privileges: 'SELECT, INSERT' },
};
