import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Sessions, UserDirectory } from '@nexus/contracts';
import { ANONYMOUS, serviceActor, uuidv7 } from '@nexus/kernel';
import { CONTRACT_CALLER, openTestService, portContract, type TestService } from '@nexus/testing';
import { userService } from '../index.js';
import { LocalUserDirectory } from './user-directory.local.js';

const facts = {
  id: uuidv7(),
  email: 'ada@corp.example',
  name: 'Ada „Lovelace“ \u{1f9ee}',
  role: 'user',
  email_verified: true,
  account_version: 1,
} as const;
const person = { id: facts.id, email: facts.email, name: facts.name, role: 'user', status: 'active', version: 1 };

describe('the directory of people, from the same process and from another', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await openTestService(userService, { ports: [[Sessions, {}]] });
  });

  afterAll(() => service.close());

  const cases = portContract(UserDirectory, {
    provider: () => service.get(LocalUserDirectory),
    calls: () => [
      { method: 'ensure', input: facts, check: (answer) => expect(answer).toMatchObject(person) },
      // Whoever registers is not signed in yet.
      { method: 'ensure', input: facts, actor: ANONYMOUS },
      { method: 'find', input: { ids: [] }, check: (answer) => expect(answer).toEqual({ users: [] }) },
      {
        method: 'find',
        input: { ids: [facts.id, uuidv7()] },
        actor: serviceActor(CONTRACT_CALLER),
        check: (answer) => expect(answer).toMatchObject({ users: [person] }),
      },
    ],
  });
  test.each(cases)('$name', ({ run }) => run());
});
