import { findRedis, type RedisServer, startRedis, startRedisCluster } from '../../../tools/verify/redis-server.js';

function binary(): string {
  const found = findRedis();
  if (found === undefined) throw new Error('These tests need Redis: apt-get install redis-server');
  return found;
}

/** A Redis of its own. @param port of one that was stopped, for another one in its place */
export function openRedis(port?: number): Promise<RedisServer> {
  return startRedis(binary(), port === undefined ? {} : { port });
}

/** A cluster of three. */
export function openRedisCluster(): Promise<RedisServer[]> {
  return startRedisCluster(binary());
}
