import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The audit trail: the services may add and read, never change. Sealing (order, hash, chain) happens in a
 * table beside it, so that no writer waits.
 */
export class AuditRecords1763856000001 implements MigrationInterface {
  readonly name = 'AuditRecords1763856000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit.records (
        id uuid NOT NULL,
        occurred_at timestamptz NOT NULL DEFAULT now(),
        service text NOT NULL,
        action text NOT NULL,
        outcome text NOT NULL CHECK (outcome IN ('success', 'failure', 'denied')),
        actor_kind text NOT NULL,
        actor_id text,
        target_type text,
        target_id text,
        address text,
        user_agent text,
        request_id uuid NOT NULL,
        trace_id text NOT NULL,
        details jsonb NOT NULL DEFAULT '{}',
        PRIMARY KEY (id, occurred_at)
      ) PARTITION BY RANGE (occurred_at)`);
    await runner.query('CREATE TABLE audit.records_default PARTITION OF audit.records DEFAULT');
    await runner.query('CREATE INDEX records_at ON audit.records (occurred_at DESC, id DESC)');
    await runner.query('CREATE INDEX records_target ON audit.records (target_type, target_id, occurred_at DESC)');
    await runner.query(`
      CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'audit records are append-only' USING ERRCODE = '42501'; END $$`);
    await runner.query(`
      CREATE TRIGGER records_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.records
      FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit.records');
    await runner.query('DROP FUNCTION audit.refuse_change()');
  }
}
