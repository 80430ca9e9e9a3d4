import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Files1763856000040 implements MigrationInterface {
  readonly name = 'Files1763856000040';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE file.files (
        id uuid PRIMARY KEY,
        owner_id uuid NOT NULL,
        project_id uuid,
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
        search tsvector NOT NULL,
        size bigint NOT NULL CHECK (size >= 0),
        content_type text NOT NULL,
        detected_type text,
        sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        object_key uuid NOT NULL,
        version int NOT NULL DEFAULT 1,
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'trashed')),
        trashed_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT files_trashed_at CHECK ((status = 'trashed') = (trashed_at IS NOT NULL)),
        CONSTRAINT files_object_key UNIQUE (object_key)
      )`);
    await runner.query(
      'CREATE INDEX files_own ON file.files (owner_id, status, created_at DESC, id DESC) WHERE project_id IS NULL',
    );
    await runner.query(
      'CREATE INDEX files_project ON file.files (project_id, status, created_at DESC, id DESC) WHERE project_id IS NOT NULL',
    );
    await runner.query(`CREATE INDEX files_trash ON file.files (trashed_at) WHERE status = 'trashed'`);
    await runner.query('CREATE INDEX files_search ON file.files USING gin (search)');
    // An upload under way. It goes in the transaction that makes the file, or when its process gives no sign of life.
    await runner.query(`
      CREATE TABLE file.uploads (
        object_key uuid PRIMARY KEY,
        owner_id uuid NOT NULL,
        started_at timestamptz NOT NULL DEFAULT now(),
        heartbeat_at timestamptz NOT NULL DEFAULT now(),
        idempotency_scope text,
        idempotency_key text,
        CONSTRAINT uploads_idempotency UNIQUE (idempotency_scope, idempotency_key)
      )`);
    await runner.query('CREATE INDEX uploads_heartbeat ON file.uploads (heartbeat_at)');
    // Objects that nobody refers to any more. A row goes once its object is gone.
    await runner.query(`
      CREATE TABLE file.removals (
        object_key uuid PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE file.usage (
        user_id uuid PRIMARY KEY,
        bytes bigint NOT NULL CHECK (bytes >= 0),
        files int NOT NULL CHECK (files >= 0)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['usage', 'removals', 'uploads', 'files']) await runner.query(`DROP TABLE file.${table}`);
  }
}
