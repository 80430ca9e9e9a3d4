import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Inboxes, mail deliveries and captured mail. */
export class Notifications1763856000500 implements MigrationInterface {
  readonly name = 'Notifications1763856000500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE notification.inboxes (
        user_id uuid PRIMARY KEY,
        last_seq bigint NOT NULL,
        last_at timestamptz(3) NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE notification.notifications (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        seq bigint NOT NULL,
        category text NOT NULL,
        title text NOT NULL,
        body text NOT NULL,
        data jsonb NOT NULL DEFAULT '{}',
        read_at timestamptz(3),
        created_at timestamptz(3) NOT NULL,
        version int NOT NULL DEFAULT 1,
        UNIQUE (user_id, seq)
      )`);
    await runner.query(
      'CREATE INDEX notifications_inbox ON notification.notifications (user_id, created_at DESC, id DESC)',
    );
    await runner.query(
      'CREATE INDEX notifications_unread ON notification.notifications (user_id, created_at DESC, id DESC) WHERE read_at IS NULL',
    );
    await runner.query(`
      CREATE TABLE notification.deliveries (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        channel text NOT NULL DEFAULT 'email' CHECK (channel IN ('email')),
        template text NOT NULL,
        recipient text NOT NULL,
        subject text NOT NULL,
        html text NOT NULL,
        plain text NOT NULL,
        status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'sending', 'sent', 'failed')),
        attempts int NOT NULL DEFAULT 0,
        last_error text,
        claimed_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        sent_at timestamptz(3),
        version int NOT NULL DEFAULT 1
      )`);
    await runner.query('CREATE INDEX deliveries_user ON notification.deliveries (user_id, created_at DESC)');
    await runner.query(`
      CREATE TABLE notification.captured_mails (
        id uuid PRIMARY KEY,
        seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        sender text NOT NULL,
        recipient text NOT NULL,
        subject text NOT NULL,
        html text NOT NULL,
        plain text NOT NULL,
        headers jsonb NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['captured_mails', 'deliveries', 'notifications', 'inboxes']) {
      await runner.query(`DROP TABLE notification.${table}`);
    }
  }
}
