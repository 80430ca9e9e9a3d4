import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People and their preferences. E-mail, verification and role are auth's, copied here by version. */
export class Profiles1763856000100 implements MigrationInterface {
  readonly name = 'Profiles1763856000100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE "user".profiles (
        id uuid PRIMARY KEY,
        email text NOT NULL,
        name text NOT NULL,
        bio text,
        locale text NOT NULL DEFAULT 'en',
        timezone text NOT NULL DEFAULT 'UTC',
        phone text,
        role text NOT NULL,
        email_verified boolean NOT NULL,
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'deactivated')),
        account_version int NOT NULL,
        version int NOT NULL DEFAULT 1,
        search tsvector NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now()
      )`);
    await runner.query('CREATE INDEX profiles_created ON "user".profiles (created_at, id)');
    await runner.query('CREATE INDEX profiles_name ON "user".profiles ((lower(name) COLLATE "C"), id)');
    await runner.query('CREATE INDEX profiles_email ON "user".profiles ((lower(email) COLLATE "C"), id)');
    await runner.query('CREATE INDEX profiles_search ON "user".profiles USING gin (search)');
    // "json", not "jsonb": the client's keys keep their order and its numbers their form.
    await runner.query(`
      CREATE TABLE "user".preferences (
        user_id uuid PRIMARY KEY REFERENCES "user".profiles (id) ON DELETE CASCADE,
        data json NOT NULL,
        version int NOT NULL DEFAULT 1,
        updated_at timestamptz(3) NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "user".preferences');
    await runner.query('DROP TABLE "user".profiles');
  }
}
