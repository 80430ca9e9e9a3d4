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
  status: string;
  tags: string[];
  metadata: Record<string, unknown>;
  owner_id: string;
  role: string | null;
  version: number;
  created_at: Date;
  updated_at: Date;
}

function statement<R extends QueryResultRow>(name: string, text: string): Statement<R> {
  return { name, text };
}

/** What Nexus runs for the measured requests, over the tables of the reference. */
export const READ_PROJECT = statement<ProjectRow>(
  'read_project',
  `SELECT p.*, m.role FROM bench_reference.projects p
   LEFT JOIN bench_reference.members m ON m.project_id = p.id AND m.user_id = $2
   WHERE p.id = $1 AND p.deleted_at IS NULL`,
);

export const LIST_PROJECTS = statement<ProjectRow>(
  'list_projects',
  `SELECT p.*, m.role FROM bench_reference.projects p
   JOIN bench_reference.members m ON m.project_id = p.id AND m.user_id = $1
   WHERE p.deleted_at IS NULL ORDER BY p.created_at DESC, p.id DESC LIMIT $2`,
);

export const COUNT_PROJECTS = statement<{ total: number }>(
  'count_projects',
  `SELECT count(*)::int AS total FROM bench_reference.projects p
   JOIN bench_reference.members m ON m.project_id = p.id AND m.user_id = $1 WHERE p.deleted_at IS NULL`,
);

export const INSERT_PROJECT = statement<ProjectRow>(
  'insert_project',
  `INSERT INTO bench_reference.projects
     (id, name, description, visibility, status, tags, metadata, owner_id, version, created_at, updated_at)
   VALUES (uuidv7(), $1, $2, $3, 'active', $4, $5, $6, 1, now(), now()) RETURNING *`,
);

export const INSERT_MEMBER = statement(
  'insert_member',
  `INSERT INTO bench_reference.members (project_id, user_id, role, created_at) VALUES ($1, $2, 'owner', now())`,
);

export const INSERT_AUDIT = statement(
  'insert_audit',
  `INSERT INTO bench_reference.audit_records
     (id, service, action, outcome, actor_kind, actor_id, target_type, target_id, address, user_agent, request_id, trace_id, details)
   VALUES (uuidv7(), $1, $2, 'success', 'user', $3, $4, $5, $6, $7, $8, $9, $10)`,
);

export const FIND_ACCOUNT = statement<{ id: string; password_hash: string }>(
  'find_account',
  `SELECT id, email, password_hash, role, failures, locked_until FROM bench_reference.accounts WHERE email = $1`,
);

export const INSERT_SESSION = statement<{ id: string }>(
  'insert_session',
  `INSERT INTO bench_reference.sessions (id, account_id, generation, address, device, created_at, used_at, expires_at)
   VALUES (uuidv7(), $1, 0, $2, $3, now(), now(), now() + interval '30 days') RETURNING id`,
);
