import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { RedisAddress } from './redis-urls.js';

/** A connection to one server, or to all of a cluster. */
export type RedisClient = Redis | Cluster;

const CONNECT_TIMEOUT_MS = 1_000;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;
/** A move of slots, and one more while it is going on. */
const REDIRECTIONS = 3;

/** Grows with the tries, at random below that (full jitter), so that processes do not come back all at once. */
function retryMs(tries: number): number {
  return Math.ceil(Math.random() * Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(tries, 8)));
}

/**
 * Nothing waits in a queue of the client's: a command is written at once or fails at once, and one whose connection ends
 * fails, because nobody knows whether it was carried out.
 */
function optionsOf(address: RedisAddress): RedisOptions {
  return {
    username: address.username,
    password: address.password,
    db: address.db,
    ...(address.tls ? { tls: { servername: address.host } } : {}),
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: retryMs,
    // A fail-over left us at a replica, or the server is still reading its data: the next connection may do better.
    reconnectOnError: (error) => (/^(READONLY|LOADING)/.test(error.message) ? 1 : false),
    lazyConnect: true,
  };
}

/**
 * Makes a client that is not connected yet.
 * @param addresses one server, or nodes of a cluster by which the others are found
 * @param batched whether commands of one turn of the event loop go in one write
 */
export async function createRedisClient(addresses: readonly RedisAddress[], batched: boolean): Promise<RedisClient> {
  const { Cluster, Redis } = await import('ioredis');
  const [first] = addresses;
  if (!first) throw new Error('No address of Redis');
  const options = { ...optionsOf(first), enableAutoPipelining: batched };
  if (addresses.length === 1) return new Redis({ ...options, host: first.host, port: first.port });
  const { lazyConnect, retryStrategy: _, enableAutoPipelining, enableOfflineQueue, ...redisOptions } = options;
  const cluster: ClusterOptions = {
    lazyConnect,
    enableAutoPipelining,
    enableOfflineQueue,
    redisOptions,
    clusterRetryStrategy: retryMs,
    maxRedirections: REDIRECTIONS,
    retryDelayOnFailover: FIRST_RETRY_MS,
    retryDelayOnClusterDown: FIRST_RETRY_MS,
    retryDelayOnTryAgain: FIRST_RETRY_MS,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    slotsRefreshInterval: 10_000,
  };
  return new Cluster(
    addresses.map(({ host, port }) => ({ host, port })),
    cluster,
  );
}
