import { describe, expect, test } from '@jest/globals';
import { ROUTE_MANIFEST } from '@nexus/contracts';
import { SCOPES } from './index.js';

describe('scopes', () => {
  test('each lets a key do something, and routes need no others', () => {
    const needed = new Set(ROUTE_MANIFEST.flatMap(({ access }) => access.scopes));
    expect([...needed].sort()).toEqual([...SCOPES].sort());
  });

  test('credentials, sessions and rights over accounts are for people alone', () => {
    const taken = ROUTE_MANIFEST.filter(({ service, access }) => service === 'auth' && access.scopes.length > 0);
    expect(taken.map(({ operation }) => operation)).toEqual([]);
  });

  test('what only reads is not let by a scope that writes, and the other way round', () => {
    for (const { method, access, operation } of ROUTE_MANIFEST) {
      for (const scope of access.scopes) {
        expect([operation, scope]).toEqual([operation, expect.stringMatching(method === 'GET' ? /:read$/ : /:write$/)]);
      }
    }
  });
});
