import type { GuardedRedis } from '@nexus/redis';

/** As Keyv takes a value that it need not read: its bytes, whose end Redis sees to. */
export interface StoredValue {
  readonly value: Buffer;
}

/**
 * What Keyv, and by it cache-manager, keeps values in: Redis or a cluster of it, bytes as they are. A Redis that is away
 * holds nothing and takes nothing, and nobody waits for it.
 */
export class RedisStore {
  /** Keyv reads and sets it. */
  opts: Record<string, unknown> = {};
  namespace: string | undefined;

  /** @param name what its keys begin with, after the prefix of all */
  constructor(
    private readonly redis: GuardedRedis,
    private readonly name: string,
  ) {}

  private key(key: string): string {
    return `${this.redis.prefix}${this.name}:${key}`;
  }

  async get(key: string): Promise<StoredValue | undefined> {
    const name = this.key(key);
    try {
      const value = await this.redis.run(name, (client) => client.getBuffer(name));
      return value === null ? undefined : { value };
    } catch {
      return undefined;
    }
  }

  /** @param ttl life in ms */
  async set(key: string, value: Buffer, ttl?: number): Promise<boolean> {
    const name = this.key(key);
    if (ttl !== undefined && ttl < 1) return false;
    try {
      await this.redis.run(name, (client) =>
        ttl === undefined ? client.set(name, value) : client.set(name, value, 'PX', Math.floor(ttl)),
      );
      return true;
    } catch {
      return false;
    }
  }

  async delete(key: string): Promise<boolean> {
    const name = this.key(key);
    try {
      return (await this.redis.run(name, (client) => client.unlink(name))) > 0;
    } catch {
      return false;
    }
  }

  /** Left alone: what is in there belongs to all processes; entries end by their time, or are invalidated. */
  async clear(): Promise<void> {}

  on(): this {
    return this;
  }

  /** The connection is not its own. */
  async disconnect(): Promise<void> {}
}
