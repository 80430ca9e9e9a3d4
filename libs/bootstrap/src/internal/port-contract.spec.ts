import { describe, test } from '@jest/globals';
import { TokenTrust, UserDirectory } from '@nexus/contracts';
import { serviceActor, uuidv7 } from '@nexus/kernel';
import { CONTRACT_CALLER, MemoryUserDirectory, portContract, TokenMint } from '@nexus/testing';

const person = {
  id: uuidv7(),
  email: 'ada@corp.example',
  name: 'Ada \u{1f9ee} „Lovelace“',
  role: 'user',
  email_verified: true,
  account_version: 3,
} as const;

describe('a port with methods', () => {
  const provider = new MemoryUserDirectory();
  const cases = portContract(UserDirectory, {
    provider: () => provider,
    calls: () => [
      { method: 'ensure', input: person },
      { method: 'find', input: { ids: [person.id, uuidv7()] } },
      { method: 'find', input: { ids: [] }, actor: serviceActor(CONTRACT_CALLER) },
    ],
  });
  test.each(cases)('$name', ({ run }) => run());
});

describe('a port with a stream', () => {
  const mint = new TokenMint();
  const actor = serviceActor(CONTRACT_CALLER);
  const cases = portContract(TokenTrust, {
    provider: () => mint,
    calls: () => [
      { method: 'keys', input: {}, actor },
      { method: 'revocations', input: { after: 0 }, actor },
    ],
    tell: { subscribe: () => mint.revoke(uuidv7()) },
  });
  test.each(cases)('$name', ({ run }) => run());
});
