import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AccountStatus, Sessions, userStatusChanged } from '@nexus/contracts';
import { parseIfMatch } from '@nexus/http';
import { errors, type Role, type UserActor } from '@nexus/kernel';
import { openTestService, type TestService, testContext, testUser } from '@nexus/testing';
import { LocalUserDirectory } from '../adapters/user-directory.local.js';
import { userService } from '../index.js';
import { ProfilesService } from './profiles.service.js';
import { UserStatusService } from './user-status.service.js';

describe('status of people', () => {
  let service: TestService;
  let status: UserStatusService;
  let told: AccountStatus[];
  let auth: (input: AccountStatus) => Promise<{ revoked: number }>;

  beforeAll(async () => {
    const sessions = { applyStatus: (_: unknown, input: AccountStatus) => auth(input) };
    service = await openTestService(userService, { ports: [[Sessions, sessions]] });
    status = service.get(UserStatusService);
  });

  beforeEach(() => {
    told = [];
    auth = async (input) => {
      told.push(input);
      return { revoked: 1 };
    };
    service.invalidated.length = 0;
  });

  afterAll(() => service.close());

  async function person(role: Role = 'user'): Promise<UserActor> {
    const actor = testUser({ role });
    await service.get(LocalUserDirectory).ensure(testContext(actor), {
      id: actor.id,
      email: `${actor.id}@corp.example`,
      name: 'Ada',
      role,
      email_verified: true,
      account_version: 1,
    });
    return actor;
  }

  const audit = (id: string) =>
    service.platform.databases
      .get('user')
      .query(`SELECT action, actor_id, details FROM audit.records WHERE target_id = $1 ORDER BY id`, [id]);
  const events = async (id: string) =>
    (await service.platform.queued(userStatusChanged, 'auth'))
      .map((event) => event.data as { user_id: string })
      .filter((data) => data.user_id === id);
  const deactivate = (by: UserActor, id: string, etag?: string) =>
    status.deactivate(testContext(by), by, id, parseIfMatch(etag));

  it('changes once, with its record and its event, and auth is told of it', async () => {
    const [admin, ada] = [await person('admin'), await person()];
    service.invalidated.length = 0;
    const first = await deactivate(admin, ada.id);
    expect(first).toMatchObject({ id: ada.id, status: 'deactivated', version: 2 });
    const change = { user_id: ada.id, status: 'deactivated', version: 2 };
    expect(told).toEqual([change]);
    expect(service.invalidated).toEqual([`user:${ada.id}`]);
    expect(await events(ada.id)).toEqual([change]);
    expect(await audit(ada.id)).toEqual([{ action: 'user.deactivated', actor_id: admin.id, details: { version: 2 } }]);

    expect(await deactivate(admin, ada.id)).toEqual(first);
    expect(told).toEqual([change, change]);
    expect(await events(ada.id)).toHaveLength(1);

    const again = await status.reactivate(testContext(admin), admin, ada.id);
    expect(again).toMatchObject({ status: 'active', version: 3 });
    expect(told.at(-1)).toEqual({ user_id: ada.id, status: 'active', version: 3 });
    expect((await audit(ada.id)).map((record) => record.action)).toEqual(['user.deactivated', 'user.reactivated']);
  });

  it('changes also while auth cannot be reached: the event is there, and the answer is the same', async () => {
    const [admin, ada] = [await person('admin'), await person()];
    auth = () => Promise.reject(errors.unavailable());
    expect(await deactivate(admin, ada.id)).toMatchObject({ status: 'deactivated' });
    expect(await events(ada.id)).toHaveLength(1);
    expect(service.log.lines.join()).toContain('Auth could not be told');
  });

  it('tells auth only after the commit', async () => {
    const [admin, ada] = [await person('admin'), await person()];
    let seen: unknown;
    auth = async () => {
      seen = (
        await service.platform.databases.get('user').query(`SELECT status FROM "user".profiles WHERE id = $1`, [ada.id])
      )[0];
      return { revoked: 0 };
    };
    await service.platform.databases.get('user').ambientTransaction(() => deactivate(admin, ada.id));
    expect(seen).toEqual({ status: 'deactivated' });
  });

  it.each([
    ['yourself', 409, 'cannot_deactivate_self', (admin: UserActor) => admin.id, undefined],
    ['nobody', 404, 'user_not_found', () => testUser().id, undefined],
    ['someone who has changed since', 412, 'stale_version', (_: UserActor, ada: UserActor) => ada.id, '"7-x"'],
  ] as const)('refuses to deactivate %s', async (_, code, reason, target, etag) => {
    const [admin, ada] = [await person('admin'), await person()];
    await expect(deactivate(admin, target(admin, ada), etag)).rejects.toMatchObject({ status: code, code: reason });
    expect(told).toEqual([]);
    expect(await events(ada.id)).toEqual([]);
  });

  it('leaves one administrator when two deactivate each other at once', async () => {
    for (let round = 0; round < 8; round++) {
      const [a, b] = [await person('admin'), await person('admin')];
      const results = await Promise.allSettled([deactivate(a, b.id), deactivate(b, a.id)]);
      expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
      const refused = results.find((result) => result.status === 'rejected');
      expect(refused?.reason).toMatchObject({ code: 'forbidden' });
    }
  });

  it('hides a deactivated person from all but administrators', async () => {
    const [admin, ada, bob] = [await person('admin'), await person(), await person()];
    const profiles = service.get(ProfilesService);
    expect(Object.keys(await profiles.visible(bob, ada.id))).toEqual([
      'id',
      'name',
      'bio',
      'avatar_url',
      'version',
      'created_at',
    ]);
    await deactivate(admin, ada.id);
    await expect(profiles.visible(bob, ada.id)).rejects.toMatchObject({ code: 'user_not_found' });
    expect(await profiles.visible(admin, ada.id)).toMatchObject({ id: ada.id });
  });
});
