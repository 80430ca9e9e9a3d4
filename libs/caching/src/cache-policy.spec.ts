import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '@nexus/config';
import { expandTags } from './cache-policy.js';
import { cacheStatus } from './cache-status.js';
import { cachingConfig } from './caching.config.js';

const expand = (tags: string[], params: Record<string, string | undefined> = {}, actorId?: string) =>
  expandTags({ audience: 'user', tags }, { params, actorId });

describe('tags', () => {
  it('are filled with parameters and the caller', () => {
    const tags = ['projects', 'project:{id}', 'user:{actor}', 'member:{id}:{user_id}'];
    expect(expand(tags, { id: '7', user_id: '8' }, '9')).toEqual(['projects', 'project:7', 'user:9', 'member:7:8']);
    expect(expand([])).toEqual([]);
  });

  it.each([
    ['a parameter is missing', ['project:{id}'], {}, '9'],
    ['a parameter is empty', ['project:{id}'], { id: '' }, '9'],
    ['a parameter is longer than any id', ['project:{id}'], { id: 'x'.repeat(129) }, '9'],
    ['a name comes from the prototype', ['project:{constructor}'], {}, '9'],
    ['nobody is signed in', ['user:{actor}'], { actor: 'forged' }, undefined],
  ])('are none when %s: such an answer could not be invalidated', (_name, tags, params, actorId) => {
    expect(expand(tags, params, actorId)).toBeUndefined();
  });

  it('take a parameter as it is, special characters and all', () => {
    expect(expand(['project:{id}'], { id: '$&{actor}' }, '9')).toEqual(['project:$&{actor}']);
  });
});

describe('Cache-Status', () => {
  it.each([
    [{ hit: 'l1' }, 'nexus; hit; detail=l1'],
    [{ hit: 'l2', ttlSeconds: 41.2 }, 'nexus; hit; detail=l2; ttl=42'],
    [{ hit: 'l1', ttlSeconds: -3 }, 'nexus; hit; detail=l1; ttl=-3'],
    [{ fwd: 'miss' }, 'nexus; fwd=miss'],
    [{ fwd: 'miss', stored: true }, 'nexus; fwd=miss; stored'],
    [{ fwd: 'miss', stored: false }, 'nexus; fwd=miss'],
    [{ fwd: 'miss', collapsed: true }, 'nexus; fwd=miss; collapsed'],
    [{ fwd: 'miss', stored: true, collapsed: false }, 'nexus; fwd=miss; stored; collapsed=?0'],
    [{ fwd: 'request' }, 'nexus; fwd=request'],
    [{ fwd: 'bypass' }, 'nexus; fwd=bypass'],
  ] as const)('of %j is %s', (outcome, expected) => {
    expect(cacheStatus(outcome)).toBe(expected);
  });
});

describe('the configuration', () => {
  it('has 1000 answers, five minutes and 64 MiB by default', () => {
    expect(loadConfig([cachingConfig], {}).get(cachingConfig)).toEqual({
      CACHE_ENABLED: true,
      CACHE_L1_ENTRIES: 1000,
      CACHE_L1_TTL_SECONDS: 300,
      CACHE_L1_BYTES: 67_108_864,
      CACHE_L2_TTL_SECONDS: 3_600,
    });
  });

  it('refuses a cache of nothing', () => {
    expect(() => loadConfig([cachingConfig], { CACHE_L1_ENTRIES: '0', CACHE_L1_BYTES: '5' })).toThrow(ConfigError);
  });
});
