import { describe, expect, it } from '@jest/globals';
import { type Actor, ANONYMOUS, type Role, serviceActor } from '@nexus/kernel';
import fc from 'fast-check';
import { type CacheKeyParts, cacheKey, canonicalUrl } from './cache-key.js';
import { ResponseCache } from './response-cache.js';

const user = (id: string, role: Role = 'user', scopes: string[] = []): Actor => ({
  kind: 'user',
  id,
  role,
  scopes,
  sessionId: 's',
  sessionVersion: 1,
  amr: [],
});
const key = (parts: Partial<CacheKeyParts>) =>
  cacheKey({ audience: 'user', actor: user('1'), method: 'GET', url: '/x', ...parts });

describe('a key', () => {
  it('tells users, roles, scopes, audiences and addresses apart', () => {
    const keys = [
      key({}),
      key({ actor: user('2') }),
      key({ actor: user('1', 'admin') }),
      key({ actor: user('1', 'user', ['files:read']) }),
      key({ actor: user('1', 'user', ['files:read', 'files:write']) }),
      key({ audience: 'role' }),
      key({ audience: 'role', actor: user('1', 'admin') }),
      key({ audience: 'role', actor: user('1', 'user', ['files:read']) }),
      key({ audience: 'public' }),
      key({ url: '/y' }),
      key({ url: '/x?a=1' }),
    ];
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('is shared by everyone of the audience', () => {
    expect(key({ audience: 'role', actor: user('2') })).toBe(key({ audience: 'role' }));
    expect(key({ audience: 'public', actor: ANONYMOUS })).toBe(key({ audience: 'public', actor: user('2', 'admin') }));
    expect(key({ method: 'HEAD' })).toBe(key({}));
  });

  it.each([
    ['nobody is signed in', { actor: ANONYMOUS }],
    ['nobody is signed in and a role is asked for', { actor: ANONYMOUS, audience: 'role' }],
    ['a service acts', { actor: serviceActor('auth') }],
    ['the method changes something', { method: 'POST' }],
    ['the method is in lower case', { method: 'get' }],
    ['the address is too long', { url: `/${'x'.repeat(2048)}` }],
    ['the address holds a control character', { url: '/x\n/y' }],
    ['the address holds a blank', { url: '/x y' }],
    ['a scope holds a line break', { actor: user('1', 'user', ['a\nb']) }],
  ] as [string, Partial<CacheKeyParts>][])('does not exist when %s', (_name, parts) => {
    expect(key(parts)).toBeUndefined();
  });
});

describe('the canonical address', () => {
  it.each([
    ['/x', '/x'],
    ['/x?b=1', '/x?b=1'],
    ['/x?b=1&a=2', '/x?a=2&b=1'],
    ['/x?a=2&b=1', '/x?a=2&b=1'],
    ['/x?b=2&a=1&b=1', '/x?a=1&b=2&b=1'],
    ['/x?pageSize=2&limit=3&page_size=1', '/x?limit=3&pageSize=2&page_size=1'],
    ['/x?page_size=1&pageSize=2&a=3', '/x?a=3&page_size=1&pageSize=2'],
    ['/x?b&a=', '/x?a=&b'],
    ['/x?b=%26&a=%3D', '/x?a=%3D&b=%26'],
    ['/x?b=1&%61=2', '/x?b=1&%61=2'],
    ['/x?b[]=1&a=2', '/x?b[]=1&a=2'],
    ['/x?b=1;c=2&a=3', '/x?b=1;c=2&a=3'],
    ['/x?b=1&&a=2', '/x?b=1&&a=2'],
    ['/x?b=1?&a=2', '/x?a=2&b=1?'],
  ])('of %s is %s', (url, expected) => {
    expect(canonicalUrl(url)).toBe(expected);
    expect(canonicalUrl(expected)).toBe(expected);
  });

  it('leaves long queries as they are', () => {
    const url = `/x?${Array.from({ length: 65 }, (_, i) => `p${99 - i}=1`).join('&')}`;
    expect(canonicalUrl(url)).toBe(url);
  });
});

/** What a handler can read out of an address: names as any normalisation may fold them, values in order. */
function meaning(url: string): string {
  const mark = url.indexOf('?');
  if (mark === -1) return JSON.stringify([url]);
  const read = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(url.slice(mark + 1))) {
    const folded = name.replaceAll(/[_.-]/g, '').toLowerCase();
    read.set(folded, [...(read.get(folded) ?? []), value]);
  }
  return JSON.stringify([url.slice(0, mark), [...read].sort(([a], [b]) => (a < b ? -1 : 1))]);
}

const name = fc.constantFrom('a', 'b', 'A', 'page_size', 'pageSize', '%61', 'a[]', 'q', '+a', '');
const value = fc.constantFrom('1', '2', '%31', '', 'x=y', 'x;b=2', '%26');
const url = fc
  .tuple(
    fc.constantFrom('/x', '/y', '/x/', '/X'),
    fc.array(fc.tuple(name, value, fc.boolean()), { maxLength: 5 }),
    fc.boolean(),
  )
  .map(([path, pairs, mark]) => {
    const query = pairs.map(([n, v, bare]) => (bare ? n : `${n}=${v}`)).join('&');
    return query === '' && !mark ? path : `${path}?${query}`;
  });
it('the canonical address means what the address means', () => {
  fc.assert(
    fc.property(url, (address) => {
      expect(meaning(canonicalUrl(address))).toBe(meaning(address));
    }),
    { numRuns: 3000 },
  );
});

const odd = fc.constantFrom('1', '2', '1\n', '\n1', '1\nuser', 'user', '', '1\nuser\n\n/x', '1:user');
const scopes = fc.array(fc.constantFrom('a', 'b', 'a b', 'a:/x', '\n', '\n/x'), { maxLength: 2 });
const actor: fc.Arbitrary<Actor> = fc.oneof(
  fc.constant<Actor>(ANONYMOUS),
  fc.tuple(odd, fc.constantFrom<Role>('user', 'admin'), scopes).map(([id, role, s]) => user(id, role, s)),
);
const request = fc.record({
  audience: fc.constantFrom('public', 'user', 'role'),
  actor,
  method: fc.constant('GET'),
  url: fc.oneof(fc.constantFrom('/x', '/y'), url),
});

describe('nobody gets an answer meant for others', () => {
  it('whatever the users, roles, scopes and addresses', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 2, maxLength: 60 }), (requests) => {
        const cache = new ResponseCache();
        for (const parts of requests as CacheKeyParts[]) {
          const { audience, actor: who } = parts;
          const at = cacheKey(parts);
          if (who.kind !== 'user') expect(at === undefined).toBe(audience !== 'public');
          if (at === undefined) continue;
          const person = who.kind === 'user' ? [who.role, who.scopes.join(' '), audience === 'user' ? who.id : ''] : [];
          const own = JSON.stringify([audience, audience === 'public' ? [] : person, meaning(parts.url)]);
          const found = cache.lookup(at);
          if (found) expect(found.head.toString()).toBe(own);
          else cache.beginFill(at).store({ head: own, contentType: 'application/json' }, { tags: [] });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
