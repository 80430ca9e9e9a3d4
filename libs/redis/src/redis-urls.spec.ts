import { describe, expect, test } from '@jest/globals';
import { parseRedisUrls } from './redis-urls.js';

describe('REDIS_URL', () => {
  test('names one server', () => {
    expect(parseRedisUrls('rediss://app:s%40fe@[::1]:6380/3')).toEqual({
      addresses: [{ host: '::1', port: 6380, tls: true, username: 'app', password: 's@fe', db: 3 }],
      faults: [],
    });
    expect(parseRedisUrls('redis://cache')).toEqual({
      addresses: [{ host: 'cache', port: 6379, tls: false, username: undefined, password: undefined, db: 0 }],
      faults: [],
    });
  });

  test('names the nodes of a cluster', () => {
    const { addresses, faults } = parseRedisUrls('redis://a:1, redis://b:2,redis://c:3');
    expect([addresses.map(({ host }) => host), faults]).toEqual([['a', 'b', 'c'], []]);
  });

  test.each([
    ['http://cache', 'must begin with redis:// or rediss://'],
    ['nothing', 'must be a URL such as redis://host:6379'],
    ['redis://', 'must name a host'],
    ['redis://cache/users', 'may end with the number of a database, and nothing else'],
    ['redis://cache?db=1', 'takes no parameters'],
    ['redis://a,redis://b/1', 'nodes of a cluster have no numbered databases'],
    ['redis://a,rediss://b', 'nodes of a cluster use TLS all, or none'],
  ])('refuses %s', (text, fault) => {
    expect(parseRedisUrls(text).faults).toContain(fault);
  });

  test('says nothing of a password', () => {
    const { faults } = parseRedisUrls('http://app:hunter2@cache,redis://app:hunter2@cache/x,redis://x:hunter2@:port');
    expect(faults).toHaveLength(3);
    expect(faults.join()).not.toContain('hunter2');
  });
});
