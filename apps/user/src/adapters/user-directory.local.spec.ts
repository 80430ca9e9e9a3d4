import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AccountFacts,
  accountChanged,
  accountRegistered,
  type EventDefinition,
  newEventId,
  Sessions,
  UserDirectory,
} from '@nexus/contracts';
import { uuidv4, uuidv7 } from '@nexus/kernel';
import type { EventHandler } from '@nexus/messaging';
import { openTestService, type TestService, testContext, testServiceContext } from '@nexus/testing';
import fc from 'fast-check';
import { userService } from '../index.js';
import { AccountChangedHandler } from '../profiles/account-changed.event.js';
import { AccountRegisteredHandler } from '../profiles/account-registered.event.js';
import { ProfilesRepository } from '../profiles/profiles.repository.js';
import { LocalUserDirectory } from './user-directory.local.js';

const { methods } = UserDirectory.port;

function facts(changes: Partial<AccountFacts> = {}): AccountFacts {
  return {
    id: uuidv7(),
    email: 'ada@corp.example',
    name: 'Ada',
    role: 'user',
    email_verified: false,
    account_version: 1,
    ...changes,
  };
}

/** As it would go over the wire. */
function wire<T>(value: T): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('directory of people', () => {
  let service: TestService;
  let directory: LocalUserDirectory;
  let profiles: ProfilesRepository;

  beforeAll(async () => {
    service = await openTestService(userService, { ports: [[Sessions, {}]] });
    directory = service.get(LocalUserDirectory);
    profiles = service.get(ProfilesRepository);
  });

  afterAll(() => service.close());

  const ensure = (input: AccountFacts) => directory.ensure(testServiceContext('auth'), input);

  const deliver = <E extends EventDefinition>(handler: EventHandler<E>, event: E, version: number, data: object) =>
    service.platform.databases.get('user').transaction((tx) =>
      handler.handle(tx, {
        id: newEventId(),
        type: event.type,
        version: event.version,
        occurred_at: new Date().toISOString(),
        aggregate: { type: 'account', id: uuidv7(), version },
        actor: null,
        request_id: uuidv4(),
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        data: event.data.parse(data),
      } as Parameters<EventHandler<E>['handle']>[1]),
    );

  it('answers what the contract says, through JSON', async () => {
    const input = facts();
    const made = await directory.ensure(testContext(), methods.ensure.input.parse(wire(input)));
    expect(methods.ensure.output.parse(wire(made))).toEqual(made);
    const { id, email, name } = input;
    expect(made).toMatchObject({ id, email, name, status: 'active', locale: 'en', timezone: 'UTC', version: 1 });
    const found = await directory.find(testContext(), methods.find.input.parse(wire({ ids: [id, uuidv7()] })));
    expect(methods.find.output.parse(wire(found))).toEqual({ users: [made] });
    expect(await directory.find(testContext(), { ids: [] })).toEqual({ users: [] });
  });

  it('makes a person once, however often and however many at once ask', async () => {
    const input = facts();
    const answers = await Promise.all(Array.from({ length: 12 }, () => ensure(input)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]?.version).toBe(1);
  });

  it('ends with the newest state of the account, in whatever order it hears of it', async () => {
    const state = (version: number) => ({
      account_version: version,
      email: `v${version}@corp.example`,
      role: version % 2 ? ('user' as const) : ('admin' as const),
      email_verified: version > 2,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        async (versions, atOnce) => {
          const person = facts(state(versions[0] as number));
          await ensure(person);
          const rest = versions
            .slice(1)
            .map((version) => () => ensure({ ...person, ...state(version), name: 'Another' }));
          if (atOnce) await Promise.all(rest.map((call) => call()));
          else for (const call of rest) await call();
          const newest = Math.max(...versions);
          const row = await profiles.find(person.id);
          expect(row).toMatchObject({ ...state(newest), name: 'Ada' });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('drops cached answers when the account changes, and only then', async () => {
    const person = facts();
    await ensure(person);
    service.invalidated.length = 0;
    await ensure(person);
    expect(service.invalidated).toEqual([]);
    await ensure({ ...person, account_version: 2, email_verified: true });
    expect(service.invalidated).toEqual([`user:${person.id}`]);
  });

  it('is found by the new address after it changed', async () => {
    const person = facts({ email: 'before@corp.example' });
    await ensure(person);
    await ensure({ ...person, email: 'after@corp.example', account_version: 2 });
    const q = (text: string) => profiles.list({ limit: 5, sort: 'name', q: text });
    expect((await q('before')).items).toEqual([]);
    expect((await q('after ada')).items.map((row) => row.id)).toEqual([person.id]);
  });

  it('hears of registrations and changes through events as well', async () => {
    const { id: user_id, ...rest } = facts();
    const { name, account_version, ...account } = rest;
    const registered = service.get(AccountRegisteredHandler);
    const changed = service.get(AccountChangedHandler);
    await expect(deliver(changed, accountChanged, 2, { user_id, ...account, role: 'admin' })).rejects.toThrow(
      'before its registration',
    );
    expect(await profiles.find(user_id)).toBeUndefined();
    await deliver(registered, accountRegistered, account_version, { user_id, ...account, name });
    await deliver(changed, accountChanged, 3, { user_id, ...account, email_verified: true });
    await deliver(changed, accountChanged, 2, { user_id, ...account, role: 'admin' });
    await deliver(registered, accountRegistered, account_version, { user_id, ...account, name });
    expect(await profiles.find(user_id)).toMatchObject({
      name,
      role: 'user',
      email_verified: true,
      account_version: 3,
    });
  });
});
