import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The tables every service has in its own schema: events it has handled, and answers it may have to replay.
 * @param schema the service's schema
 */
export function platformTables(schema: string): new () => MigrationInterface {
  return class implements MigrationInterface {
    readonly name = 'PlatformTables1763856000000';

    async up(runner: QueryRunner): Promise<void> {
      await runner.query(`
        CREATE TABLE "${schema}".processed_events (
          event_id uuid PRIMARY KEY,
          processed_at timestamptz NOT NULL DEFAULT now()
        )`);
      await runner.query(`CREATE INDEX processed_events_at ON "${schema}".processed_events (processed_at)`);
      await runner.query(`
        CREATE TABLE "${schema}".idempotency_keys (
          scope text NOT NULL,
          key text NOT NULL,
          fingerprint text NOT NULL,
          status int NOT NULL,
          headers jsonb NOT NULL,
          body text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (scope, key)
        )`);
      await runner.query(`CREATE INDEX idempotency_keys_at ON "${schema}".idempotency_keys (created_at)`);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`DROP TABLE "${schema}".idempotency_keys`);
      await runner.query(`DROP TABLE "${schema}".processed_events`);
    }
  };
}
