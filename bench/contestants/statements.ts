import type { QueryResultRow } from 'pg';

/** A statement of fixed text: PostgreSQL parses and plans it once per connection, as it does for Nexus. */
export interface Statement<R extends QueryResultRow> {
  name: string;
  text: string;
  /** Never set; it carries the type of a row. */
  row?: R;
}

export interface ProjectRow {
  id: string;
  name: string;
  description: string | null;
  visibility: string;
  tags: string[];
  metadata: Record<string, unknown>;
  owner_id: string;
  role: string;
  version: number;
  created_at: Date;
  updated_at: Date;
  archived_at: Date | null;
  trashed_at: Date | null;
}

function statement<R extends QueryResultRow>(name: string, text: string): Statement<R> {
  return { name, text };
}

/*
 * What Nexus runs for the measured requests, word for word and over its own tables: before anything is measured the
 * benchmark compares what PostgreSQL has counted for both, and ends when it differs.
 */
const PROJECT = `p.id, p.name, p.description, p.visibility, p.tags, p.metadata, p.owner_id, p.version, p.created_at,
  p.updated_at, p.archived_at, p.trashed_at`;

export const READ_PROJECT = statement<ProjectRow>(
  'read_project',
  `SELECT ${PROJECT}, m.role FROM project.projects p
   LEFT JOIN project.members m ON m.project_id = p.id AND m.user_id = $2
   WHERE p.id = $1 AND (p.trashed_at IS NULL OR p.trashed_at > now() - interval '30 days')`,
);

const MINE = `project.members m JOIN project.projects p ON p.id = m.project_id
       WHERE m.user_id = $1 AND p.trashed_at IS NULL`;

export const LIST_PROJECTS = statement<ProjectRow & { total: number; sort_key: Date }>(
  'list_projects',
  `SELECT counted.total, page.* FROM (SELECT count(*)::int AS total FROM ${MINE}) counted
     LEFT JOIN (
       SELECT ${PROJECT}, m.role, p.created_at AS sort_key FROM ${MINE}
       ORDER BY p.created_at DESC, p.id DESC LIMIT $2
     ) page ON true
     ORDER BY page.sort_key DESC, page.id DESC`,
);

export const CREATE_PROJECT = statement<{ created_at: Date }>(
  'create_project',
  `WITH made AS (
     INSERT INTO project.projects (id, name, description, visibility, tags, metadata, owner_id, search)
     VALUES ($1, $2, $3, $4, $5, $6, $7, array_to_tsvector($8::text[])) RETURNING created_at
   ), owner AS (
     INSERT INTO project.members (project_id, user_id, role, added_by) VALUES ($1, $7, 'owner', $7)
   ) SELECT created_at FROM made`,
);

export const INSERT_AUDIT = statement(
  'insert_audit',
  `INSERT INTO audit.records
     (id, service, action, outcome, actor_kind, actor_id, target_type, target_id, address, user_agent, request_id, trace_id, details)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
);

const ACCOUNT = `SELECT id, email, password_hash AS "passwordHash", password_version AS "passwordVersion", role,
  email_verified AS "emailVerified", status, status_version AS "statusVersion", locked_at AS "lockedAt", version,
  created_at AS "createdAt", updated_at AS "updatedAt" FROM auth.accounts`;

export interface AccountRow {
  id: string;
  passwordHash: string;
  passwordVersion: number;
}

export const FIND_ACCOUNT = statement<AccountRow>('find_account', `${ACCOUNT} WHERE email = $1`);

export const SHARE_ACCOUNT = statement<AccountRow>('share_account', `${ACCOUNT} WHERE id = $1 FOR SHARE`);

const FAILURES = `SELECT failed_at AS "failedAt", strikes, next_allowed_at AS "nextAllowedAt",
  last_failed_at AS "lastFailedAt" FROM auth.login_failures WHERE digest = $1`;

export const READ_FAILURES = statement('read_failures', FAILURES);

export const LOCK_FAILURES = statement('lock_failures', `${FAILURES} FOR UPDATE`);

export const INSERT_SESSION = statement<{ id: string }>(
  'insert_session',
  `INSERT INTO auth.sessions
    (id, user_id, amr, address, user_agent, created_at, last_used_at, expires_at, absolute_expires_at, token_expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9) RETURNING id, user_id AS "userId", generation,
  rotated_at AS "rotatedAt", version, amr, address, user_agent AS "userAgent", created_at AS "createdAt",
  last_used_at AS "lastUsedAt", expires_at AS "expiresAt", absolute_expires_at AS "absoluteExpiresAt",
  token_expires_at AS "tokenExpiresAt", ended_at AS "endedAt"`,
);

export const FIND_PROFILES = statement(
  'find_profiles',
  `SELECT id, email, name, bio, locale, timezone, phone, role, email_verified, status, account_version, version,
  created_at, updated_at FROM "user".profiles WHERE id = ANY($1::uuid[])`,
);
