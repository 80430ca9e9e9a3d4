import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Projects and their members. */
export class Projects1763856000200 implements MigrationInterface {
  readonly name = 'Projects1763856000200';

  async up(runner: QueryRunner): Promise<void> {
    // "json", not "jsonb": the client's keys keep their order and its numbers their form.
    await runner.query(`
      CREATE TABLE project.projects (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        description text,
        visibility text NOT NULL CHECK (visibility IN ('private', 'internal')),
        tags text[] NOT NULL,
        metadata json NOT NULL,
        owner_id uuid NOT NULL,
        version int NOT NULL DEFAULT 1,
        members_version int NOT NULL DEFAULT 1,
        search tsvector NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        archived_at timestamptz(3),
        trashed_at timestamptz(3)
      )`);
    await runner.query('CREATE INDEX projects_trashed ON project.projects (trashed_at) WHERE trashed_at IS NOT NULL');
    await runner.query(`
      CREATE TABLE project.members (
        project_id uuid NOT NULL REFERENCES project.projects (id) ON DELETE CASCADE,
        user_id uuid NOT NULL,
        role text NOT NULL CHECK (role IN ('viewer', 'editor', 'owner')),
        added_by uuid NOT NULL,
        version int NOT NULL DEFAULT 1,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        PRIMARY KEY (project_id, user_id)
      )`);
    await runner.query('CREATE INDEX members_user ON project.members (user_id, project_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE project.members');
    await runner.query('DROP TABLE project.projects');
  }
}
