import type { MigrationInterface, QueryRunner } from 'typeorm';

/** API keys: of each only a digest, and the part that may be shown. */
export class ApiKeys1763942400010 implements MigrationInterface {
  readonly name = 'ApiKeys1763942400010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE auth.api_keys (
        id uuid NOT NULL PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES auth.accounts (id) ON DELETE CASCADE,
        name text NOT NULL,
        prefix text NOT NULL,
        digest bytea NOT NULL UNIQUE,
        scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
        version int NOT NULL DEFAULT 1,
        created_at timestamptz(3) NOT NULL,
        expires_at timestamptz(3),
        last_used_at timestamptz(3)
      )`);
    await runner.query('CREATE INDEX api_keys_of_user ON auth.api_keys (user_id, created_at DESC, id DESC)');
    await runner.query('CREATE INDEX api_keys_expiry ON auth.api_keys (expires_at) WHERE expires_at IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE auth.api_keys');
  }
}
