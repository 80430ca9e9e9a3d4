import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Sessions } from '@nexus/contracts';
import { entityTag, parseIfMatch } from '@nexus/http';
import type { UserActor } from '@nexus/kernel';
import { openTestService, type TestService, testContext, testUser } from '@nexus/testing';
import { LocalUserDirectory } from '../adapters/user-directory.local.js';
import { userService } from '../index.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { type ProfilePatch, profileSchema, publicProfileSchema } from './profile.schemas.js';
import { ProfilesService } from './profiles.service.js';

const WRITERS = 20;

describe('profiles', () => {
  let service: TestService;
  let profiles: ProfilesService;
  let ada: UserActor;

  beforeAll(async () => {
    service = await openTestService(userService, { ports: [[Sessions, {}]] });
    profiles = service.get(ProfilesService);
  });

  beforeEach(async () => {
    ada = testUser();
    await service.get(LocalUserDirectory).ensure(testContext(ada), {
      id: ada.id,
      email: 'ada@corp.example',
      name: 'Ada',
      role: 'user',
      email_verified: true,
      account_version: 1,
    });
    service.invalidated.length = 0;
  });

  afterAll(() => service.close());

  const update = (patch: ProfilePatch, etag?: string) =>
    profiles.update(testContext(ada), ada.id, patch, parseIfMatch(etag));

  it('are as the contract shows them', async () => {
    const own = await profiles.own(ada);
    expect(profileSchema.strict().parse(own)).toEqual(own);
    const seen = await profiles.visible(testUser(), ada.id);
    expect(publicProfileSchema.strict().parse(seen)).toEqual(seen);
    const page = await profiles.list({ limit: 1, sort: 'name' });
    expect(profileSchema.strict().parse(page.items[0])).toEqual(page.items[0]);
  });

  it('change field by field, with a record and without stale answers', async () => {
    const before = await profiles.own(ada);
    const after = await update({ name: 'Ada L.', phone: '+4366012345678', bio: undefined });
    expect(after).toEqual({
      ...before,
      name: 'Ada L.',
      phone: '+4366012345678',
      version: 2,
      updated_at: after.updated_at,
    });
    expect(await profiles.own(ada)).toEqual(after);
    expect(await update({ phone: null })).toMatchObject({ name: 'Ada L.', phone: null, version: 3 });
    expect(service.invalidated).toEqual([`user:${ada.id}`, `user:${ada.id}`]);
    const db = service.platform.databases.get('user');
    const records = await db.query('SELECT action, details FROM audit.records WHERE target_id = $1 ORDER BY id', [
      ada.id,
    ]);
    expect(records).toEqual([
      { action: 'user.updated', details: { fields: 'name phone', version: 2 } },
      { action: 'user.updated', details: { fields: 'phone', version: 3 } },
    ]);
  });

  it('stay as they are when nothing is new', async () => {
    const before = await profiles.own(ada);
    expect(await update({})).toEqual(before);
    expect(await update({ name: 'Ada', bio: null })).toEqual(before);
    expect(service.invalidated).toEqual([]);
  });

  it('are found by the new name at once', async () => {
    await update({ name: 'Grace Hopper' });
    const found = await profiles.list({ limit: 5, sort: 'name', q: 'grace hop' });
    expect(found.items.map((row) => row.id)).toContain(ada.id);
  });

  it('take one of many writers who have seen the same version, and lose no update', async () => {
    const attempts = Array.from({ length: WRITERS }, (_, i) => update({ name: `Writer ${i}` }, '"1-x"'));
    const results = await Promise.allSettled(attempts);
    const lost = results.filter((result) => result.status === 'rejected');
    expect(lost).toHaveLength(WRITERS - 1);
    for (const { reason } of lost) expect(reason).toMatchObject({ status: 412, code: 'stale_version' });
    expect((await profiles.own(ada)).version).toBe(2);
  });

  it('take every writer who asks for no version', async () => {
    await Promise.all(Array.from({ length: WRITERS }, (_, i) => update({ bio: `text ${i}` })));
    expect((await profiles.own(ada)).version).toBe(WRITERS + 1);
  });

  it('are missing for who has none', async () => {
    await expect(profiles.own(testUser())).rejects.toMatchObject({ code: 'user_not_found' });
    await expect(profiles.visible(ada, testUser().id)).rejects.toMatchObject({ code: 'user_not_found' });
  });

  describe('preferences', () => {
    const preferences = () => service.get(PreferencesService);
    const replace = (data: Record<string, unknown>, etag?: string) =>
      preferences().replace(testContext(ada), ada, data, parseIfMatch(etag));

    it('are kept to the letter', async () => {
      expect(await preferences().read(ada)).toEqual({});
      const data = {
        zebra: 1,
        alpha: { 'Weird Key!': [1.5, null, 'ü'] },
        camelCase: true,
        snake_case: 1e300,
        '10': 'x',
      };
      await replace(data);
      expect(JSON.stringify(await preferences().read(ada))).toBe(JSON.stringify(data));
      await replace({});
      expect(await preferences().read(ada)).toEqual({});
    });

    it('are replaced only by who has seen them, also the first time', async () => {
      const tag = (data: object, version?: number) => entityTag(JSON.stringify(data), version);
      const attempts = Array.from({ length: WRITERS }, (_, i) => replace({ version: i }, tag({})));
      const results = await Promise.allSettled(attempts);
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      const { version } = await preferences().read(ada);
      await expect(replace({ a: 1 }, tag({}))).rejects.toMatchObject({ code: 'stale_version' });
      await replace({ a: 1 }, tag({ version: version as number }, version as number));
      expect(await preferences().read(ada)).toEqual({ a: 1 });
      await replace({ b: 1 }, '*');
    });

    it('need a person', async () => {
      const nobody = testUser();
      const put = preferences().replace(testContext(nobody), nobody, {});
      await expect(put).rejects.toMatchObject({ code: 'user_not_found' });
    });
  });
});
