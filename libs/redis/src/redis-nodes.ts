import calculateSlot from 'cluster-key-slot';
import type { Cluster, Redis } from 'ioredis';
import type { RedisClient } from './redis-client.js';

function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** The servers behind a client, by `host:port`. */
export class RedisNodes {
  /** Any of them; `redis` for a cluster whose nodes are not known yet. */
  readonly first: string;

  constructor(private readonly client: RedisClient) {
    this.first = isCluster(client) ? 'redis' : nameOf(client);
  }

  /** The one that has a key. */
  of(key: string): string {
    return isCluster(this.client) ? (this.client.slots[calculateSlot(key)]?.[0] ?? this.first) : this.first;
  }

  has(node: string): boolean {
    return !isCluster(this.client) || node === this.first || this.find(node) !== undefined;
  }

  ping(node: string): Promise<unknown> {
    const found = this.find(node);
    return found ? found.ping() : this.client.ping();
  }

  /** Makes the connection to one of them anew. */
  reconnect(node: string): void {
    if (!isCluster(this.client)) this.client.disconnect(true);
    // The cluster's pool makes another one when it is asked for next.
    else if (node === this.first) this.client.disconnect(true);
    else this.find(node)?.disconnect();
  }

  private find(node: string): Redis | undefined {
    return this.all().find((one) => nameOf(one) === node);
  }

  private all(): Redis[] {
    return isCluster(this.client) ? this.client.nodes('master') : [this.client];
  }
}

function nameOf({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}
