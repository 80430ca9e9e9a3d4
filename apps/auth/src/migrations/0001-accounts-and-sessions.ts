import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts, sessions, revocations, signing keys and the failures that lead to a wait. */
export class AccountsAndSessions1763856000010 implements MigrationInterface {
  readonly name = 'AccountsAndSessions1763856000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE auth.accounts (
        id uuid NOT NULL CONSTRAINT accounts_pkey PRIMARY KEY,
        email text NOT NULL CONSTRAINT accounts_email_key UNIQUE,
        password_hash text NOT NULL,
        password_version int NOT NULL DEFAULT 1,
        role text NOT NULL DEFAULT 'user' CONSTRAINT accounts_role_check CHECK (role IN ('user', 'admin')),
        email_verified boolean NOT NULL DEFAULT false,
        status text NOT NULL DEFAULT 'active' CONSTRAINT accounts_status_check CHECK (status IN ('active', 'deactivated')),
        status_version int NOT NULL DEFAULT 0,
        locked_at timestamptz,
        version int NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE auth.sessions (
        id uuid NOT NULL PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES auth.accounts (id) ON DELETE CASCADE,
        generation int NOT NULL DEFAULT 1,
        rotated_at timestamptz,
        version int NOT NULL DEFAULT 1,
        amr text[] NOT NULL,
        address text,
        user_agent text,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        absolute_expires_at timestamptz NOT NULL,
        token_expires_at timestamptz NOT NULL,
        ended_at timestamptz,
        end_reason text,
        CHECK ((ended_at IS NULL) = (end_reason IS NULL))
      )`);
    await runner.query(`
      CREATE INDEX sessions_of_user ON auth.sessions (user_id, created_at DESC, id DESC) WHERE ended_at IS NULL`);
    await runner.query('CREATE INDEX sessions_over ON auth.sessions ((LEAST(ended_at, expires_at)))');
    await runner.query(`
      CREATE TABLE auth.revocation_counter (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        last_seq bigint NOT NULL
      )`);
    await runner.query('INSERT INTO auth.revocation_counter (last_seq) VALUES (0)');
    await runner.query(`
      CREATE TABLE auth.revocations (
        seq bigint PRIMARY KEY,
        session_id uuid NOT NULL,
        min_version int,
        expires_at timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX revocations_expiry ON auth.revocations (expires_at)');
    await runner.query(`
      CREATE TABLE auth.signing_keys (
        kid text PRIMARY KEY,
        public_jwk jsonb NOT NULL,
        sealed_key bytea NOT NULL,
        created_at timestamptz NOT NULL,
        active_from timestamptz NOT NULL,
        retire_at timestamptz
      )`);
    await runner.query(`
      CREATE TABLE auth.login_failures (
        digest bytea PRIMARY KEY,
        failed_at timestamptz[] NOT NULL,
        strikes int NOT NULL,
        next_allowed_at timestamptz,
        last_failed_at timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX login_failures_age ON auth.login_failures (last_failed_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of [
      'login_failures',
      'signing_keys',
      'revocations',
      'revocation_counter',
      'sessions',
      'accounts',
    ]) {
      await runner.query(`DROP TABLE auth.${table}`);
    }
  }
}
