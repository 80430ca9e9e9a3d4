/**
 * Uses cache-manager-redis-store as its README says, through cache-manager 7 and Keyv, and prints what happens as one
 * line of JSON. Runs in a folder where those packages are installed: node probe.mjs <probe> <redis url>
 */
import { createCache, KeyvAdapter } from 'cache-manager';
import store from 'cache-manager-redis-store';
import { Keyv } from 'keyv';
import { createClient } from 'redis';

const [name, url] = process.argv.slice(2);
const tell = (seen) => console.log(JSON.stringify(seen));

async function cacheOf(config) {
  const redis = await store.redisStore({ url, ...config });
  return { redis, cache: createCache({ stores: [new Keyv({ store: new KeyvAdapter(redis) })] }) };
}

const probes = {
  /** Time to live in Redis of a key that asked for one of its own, under three settings of the store. */
  async ttl() {
    const seen = {};
    for (const [setting, storeTtl, keyTtlMs] of [
      ['long', 3600, 5_000],
      ['none', undefined, 5_000],
      ['short', 1, 60_000],
    ]) {
      const { redis, cache } = await cacheOf({ ttl: storeTtl });
      await cache.set(`ttl-${setting}`, 'value', keyTtlMs);
      const client = redis.getClient();
      const [key] = await client.keys(`*ttl-${setting}`);
      seen[setting] = await client.pTTL(key);
      await client.quit();
    }
    tell(seen);
  },

  /** Stays connected and idle; whoever started it drops the connection. */
  async idle() {
    const { cache } = await cacheOf({ ttl: 60 });
    await cache.set('idle', 1);
    tell({ connected: true });
  },

  /** The same with the listener that the store does not set: shows that it is what is missing. */
  async idleWithListener() {
    const { redis, cache } = await cacheOf({ ttl: 60 });
    redis.getClient().on('error', () => undefined);
    await cache.set('idle', 1);
    redis.getClient().once('ready', async () => {
      tell({ reconnected: (await cache.get('idle')) === 1 });
      process.exit(0);
    });
    tell({ connected: true });
  },

  /** Hands over a connected client under each name that stores of this family use for it. */
  async prebuilt() {
    const client = createClient({ url });
    await client.connect();
    const before = (await client.sendCommand(['CLIENT', 'LIST', 'TYPE', 'normal'])).trim().split('\n').length;
    const { redis } = await cacheOf({ client, redisInstance: client, redisClient: client });
    const after = (await client.sendCommand(['CLIENT', 'LIST', 'TYPE', 'normal'])).trim().split('\n').length;
    tell({ used: redis.getClient() === client, connectionsBefore: before, connectionsAfter: after });
    await client.quit();
    await redis.getClient().quit();
  },

  /** Writes and reads 100 keys against one node of a cluster. */
  async cluster() {
    const { redis } = await cacheOf({ ttl: 60 });
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
    const outcomes = await Promise.allSettled(keys.map((key) => redis.set(key, 1, {})));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    const moved = refused.filter(({ reason }) => /^MOVED /.test(reason.message)).length;
    const many = await redis.mget('key-0', 'key-1', 'key-2', {}).then(
      () => 'answered',
      (error) => error.message.split(' ')[0],
    );
    tell({ keys: keys.length, refused: refused.length, moved, mget: many });
    await redis.getClient().quit();
  },

  /** Clears the cache while another application keeps a key in the same database. */
  async reset() {
    const { redis } = await cacheOf({ ttl: 60 });
    const client = redis.getClient();
    await client.set('session:of-another-application', 'kept?');
    await redis.reset();
    tell({ left: await client.exists('session:of-another-application') });
    await client.quit();
  },
};

await probes[name]();
