import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Sessions } from '@nexus/contracts';
import { uuidv7 } from '@nexus/kernel';
import { openTestService, type TestService } from '@nexus/testing';
import pg from 'pg';
import { userService } from '../index.js';
import { type ProfileQuery, profileQuery } from './profile.schemas.js';
import { ProfilesRepository } from './profiles.repository.js';

const PEOPLE = [
  { name: 'John Smith', email: 'john@corp.example', role: 'user' },
  { name: 'Jane Smith-Jones', email: 'jane.sj@corp.example', role: 'admin' },
  { name: 'Zoë Müller', email: 'zoe_m@other.example', role: 'user' },
  { name: '100% Percent', email: 'under_score@other.example', role: 'user' },
  { name: 'Back\\slash "Quote\'', email: 'Mixed.Case@Corp.Example', role: 'user' },
] as const;

describe('people in the database', () => {
  let service: TestService;
  let profiles: ProfilesRepository;

  beforeAll(async () => {
    service = await openTestService(userService, { ports: [[Sessions, {}]] });
    profiles = service.get(ProfilesRepository);
    const db = service.platform.databases.get('user');
    for (const person of PEOPLE) {
      await db.transaction((tx) =>
        profiles.insert(tx, { id: uuidv7(), ...person, email_verified: false, account_version: 1 }),
      );
    }
    await db.query(`UPDATE "user".profiles SET status = 'deactivated' WHERE name = 'John Smith'`);
  });

  afterAll(() => service.close());

  const list = async (query: Readonly<Record<string, string>>) => {
    const page = await profiles.list(profileQuery.parse(query) as ProfileQuery);
    expect(page.total).toBe(page.items.length);
    return page.items.map((row) => row.name.split(' ')[0]).sort();
  };

  it.each([
    [{ q: 'smith' }, ['Jane', 'John']],
    [{ q: 'SMI jon' }, ['Jane']],
    [{ q: 'muller' }, ['Zoë']],
    [{ q: 'john@corp.example' }, ['John']],
    [{ q: 'corp', role: 'user' }, ['Back\\slash', 'John']],
    [{ q: 'corp', role: 'user', status: 'active' }, ['Back\\slash']],
    [{ q: '100%' }, ['100%']],
    [{ q: '%' }, []],
    [{ q: '_' }, []],
    [{ q: 'sm%h' }, []],
    [{ q: 'j_hn' }, []],
    [{ q: "' OR true --" }, []],
    [{ q: 'slash' }, ['Back\\slash']],
    [{ email: 'mixed.case@CORP.example' }, ['Back\\slash']],
    [{ email: '%@corp.example' }, []],
    [{ email: 'under_score@other.example' }, ['100%']],
    [{ email: 'underXscore@other.example' }, []],
    [{ role: 'admin' }, ['Jane']],
    [{ status: 'deactivated' }, ['John']],
    [{}, ['100%', 'Back\\slash', 'Jane', 'John', 'Zoë']],
  ])('are found by %j', async (query, names) => {
    expect(await list(query)).toEqual(names);
  });

  it.each([
    ['created_at', ['John', 'Jane', 'Zoë', '100%', 'Back\\slash']],
    ['-created_at', ['Back\\slash', '100%', 'Zoë', 'Jane', 'John']],
    ['name', ['100%', 'Back\\slash', 'Jane', 'John', 'Zoë']],
    ['-name', ['Zoë', 'John', 'Jane', 'Back\\slash', '100%']],
    ['email', ['Jane', 'John', 'Back\\slash', '100%', 'Zoë']],
  ])('are sorted by %s, also in pages', async (sort, names) => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await profiles.list(
        profileQuery.parse({ sort, limit: '2', ...(cursor ? { cursor } : {}) }) as ProfileQuery,
      );
      expect(page.total).toBe(PEOPLE.length);
      seen.push(...page.items.map((row) => row.name.split(' ')[0] as string));
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen).toEqual(names);
  });

  it('are looked up through the indexes when they are many', async () => {
    // As the superuser: the service's role may not gather statistics.
    const db = new pg.Client(service.platform.url);
    await db.connect();
    await db.query(`
      INSERT INTO "user".profiles (id, email, name, role, email_verified, account_version, bio, search)
      SELECT gen_random_uuid(), 'p' || n || '@many.example', 'Person ' || n, 'user', true, 1, repeat('x', 300),
        array_to_tsvector(ARRAY['person', n::text, 'p' || n, 'many', 'example']) FROM generate_series(1, 20000) n`);
    await db.query('VACUUM ANALYZE "user".profiles');
    const plan = async (rest: string) =>
      JSON.stringify((await db.query(`EXPLAIN (FORMAT JSON) SELECT id FROM "user".profiles ${rest}`)).rows);
    expect(await plan(`WHERE search @@ '''p123'':*'::tsquery`)).toContain('profiles_search');
    expect(await plan(`WHERE lower(email) COLLATE "C" = 'p7@many.example'`)).toContain('profiles_email');
    expect(await plan('ORDER BY created_at DESC, id DESC LIMIT 21')).toContain('profiles_created');
    expect(await plan('ORDER BY lower(name) COLLATE "C", id LIMIT 21')).toContain('profiles_name');
    await db.end();
  });
});
