import { describe, expect, test } from '@jest/globals';
import { type Actor, ANONYMOUS, AppError, type Role, serviceActor, uuidv7 } from '@nexus/kernel';
import { testUser } from '@nexus/testing';
import { type Access, authorise } from './index.js';

const open: Access = { public: true, roles: [], scopes: [] };
const people: Access = { public: false, roles: [], scopes: [] };
const reading: Access = { public: false, roles: [], scopes: ['projects:read'] };
const both: Access = { public: false, roles: [], scopes: ['projects:read', 'files:read'] };
const admins: Access = { public: false, roles: ['admin'], scopes: ['users:write'] };

function key(role: Role, ...scopes: string[]): Actor {
  const keyId = uuidv7();
  return { ...testUser({ role }), sessionId: keyId, keyId, scopes, amr: [] };
}

function outcome(access: Access, actor: Actor): string {
  try {
    authorise(access, actor);
    return 'allowed';
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

describe('whether an actor may use a route', () => {
  test.each<[string, Access, Actor, string]>([
    ['nobody, an open route', open, ANONYMOUS, 'allowed'],
    ['nobody, any other', people, ANONYMOUS, 'unauthenticated'],
    ['a service', people, serviceActor('user'), 'unauthenticated'],
    ['a person, a route with scopes', reading, testUser(), 'allowed'],
    ['a person, a route for admins', admins, testUser(), 'forbidden'],
    ['an admin', admins, testUser({ role: 'admin' }), 'allowed'],
    ['a key, an open route', open, key('user', 'projects:read'), 'allowed'],
    ['a key with the scope', reading, key('user', 'projects:read'), 'allowed'],
    ['a key with more than that', reading, key('user', 'files:read', 'projects:read'), 'allowed'],
    ['a key with another scope', reading, key('user', 'projects:write'), 'insufficient_scope'],
    ['a key with one scope of two', both, key('user', 'projects:read'), 'insufficient_scope'],
    ['a key with both', both, key('user', 'files:read', 'projects:read'), 'allowed'],
    ['a key, a route without scopes', people, key('user', 'projects:read'), 'api_key_not_accepted'],
    ['a key without scopes, such a route', people, key('user'), 'api_key_not_accepted'],
    ['a key without scopes', reading, key('user'), 'insufficient_scope'],
    ["an admin's key without the scope", admins, key('admin', 'users:read'), 'insufficient_scope'],
    ["an admin's key with the scope", admins, key('admin', 'users:write'), 'allowed'],
    ["a person's key with a scope for admins", admins, key('user', 'users:write'), 'forbidden'],
    ['scopes without a key', reading, { ...testUser(), scopes: ['files:read'] }, 'insufficient_scope'],
  ])('%s', (_name, access, actor, expected) => {
    expect(outcome(access, actor)).toBe(expected);
  });

  test('a refusal names the scopes that are needed (RFC 6750 §3.1)', () => {
    expect(() => authorise(both, key('user', 'projects:read'))).toThrow(
      expect.objectContaining({
        message: 'The API key needs the scope projects:read files:read.',
        headers: {
          'www-authenticate': 'Bearer realm="nexus", error="insufficient_scope", scope="projects:read files:read"',
        },
      }),
    );
  });
});
