import { hash } from '@node-rs/argon2';
import type { Client } from 'pg';
import type { ReferenceData } from '../scenarios.ts';

/** OWASP's first recommendation for argon2id, and what Nexus uses. `2` is argon2id. */
const ARGON2 = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** The tables of (c): the columns and indexes of Nexus that the measured statements touch. */
const SCHEMA = `
CREATE SCHEMA bench_reference;
SET search_path = bench_reference;
CREATE TABLE projects (
  id uuid PRIMARY KEY, name text NOT NULL, description text, visibility text NOT NULL, status text NOT NULL,
  tags text[] NOT NULL, metadata jsonb NOT NULL, owner_id uuid NOT NULL, version integer NOT NULL,
  created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, deleted_at timestamptz);
CREATE INDEX ON projects (created_at DESC, id DESC);
CREATE TABLE members (
  project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE, user_id uuid NOT NULL, role text NOT NULL,
  created_at timestamptz NOT NULL, PRIMARY KEY (project_id, user_id));
CREATE INDEX ON members (user_id, project_id);
CREATE TABLE audit_records (
  id uuid NOT NULL, occurred_at timestamptz NOT NULL DEFAULT now(), service text NOT NULL, action text NOT NULL,
  outcome text NOT NULL, actor_kind text NOT NULL, actor_id text, target_type text, target_id text, address text,
  user_agent text, request_id uuid NOT NULL, trace_id text NOT NULL, details jsonb NOT NULL,
  PRIMARY KEY (id, occurred_at)) PARTITION BY RANGE (occurred_at);
CREATE TABLE audit_records_default PARTITION OF audit_records DEFAULT;
CREATE INDEX ON audit_records (occurred_at DESC, id DESC);
CREATE INDEX ON audit_records (target_type, target_id, occurred_at DESC);
CREATE TABLE accounts (
  id uuid PRIMARY KEY, email text NOT NULL UNIQUE, password_hash text NOT NULL, role text NOT NULL,
  failures integer NOT NULL DEFAULT 0, locked_until timestamptz);
CREATE TABLE sessions (
  id uuid PRIMARY KEY, account_id uuid NOT NULL REFERENCES accounts, generation integer NOT NULL,
  address text, device text, created_at timestamptz NOT NULL, used_at timestamptz NOT NULL, expires_at timestamptz NOT NULL);
CREATE INDEX ON sessions (account_id);
RESET search_path;`;

/** Creates the tables of (c) and fills them with the data that Nexus answers with. */
export async function createReferenceData(client: Client, data: ReferenceData): Promise<void> {
  await client.query(SCHEMA);
  for (const project of data.projects) {
    await client.query(
      `INSERT INTO bench_reference.projects
       SELECT id, name, description, visibility, status, tags, metadata, $2, version, created_at, updated_at
       FROM json_populate_record(NULL::bench_reference.projects, $1)`,
      [JSON.stringify({ status: 'active', ...project }), data.reader.id],
    );
    await client.query(`INSERT INTO bench_reference.members VALUES ($1, $2, 'owner', now())`, [
      project.id,
      data.reader.id,
    ]);
  }
  for (const account of data.logins) {
    await client.query(`INSERT INTO bench_reference.accounts VALUES ($1, $2, $3, 'user')`, [
      account.id,
      account.email,
      await hash(account.password, ARGON2),
    ]);
  }
  await client.query('ANALYZE');
}
