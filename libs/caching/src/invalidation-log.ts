import { within } from '@nexus/kernel';
import type { GuardedRedis, RedisClient } from '@nexus/redis';
import type { Cluster, Redis } from 'ioredis';

/** Of a log entry: when it was written, as one number that grows with the place in the log. */
export type Moment = number;

/** Told what the log says. */
export interface InvalidationHearer {
  raised(tags: readonly string[], moment: Moment): void;
  /** What was invalidated before this moment may be unknown here. */
  unknownBefore(moment: Moment): void;
}

/** Entries that are kept: so many invalidations a process may have missed, or look back on when it starts. */
const KEPT = 20_000;
const CHUNK = 1_000;
/** The server answers a follower at least so often, in ms, also when there is nothing to tell. */
const BLOCK_MS = 200;
/** Who has heard nothing for so long does not know what was invalidated, in ms. */
const SILENT_MS = 600;
const RETRY_MS = 100;
/** A tag may hold any text but this. */
const SEPARATOR = '\n';
/** Bits of a number that the server's count within a millisecond takes; 2^41 ms last until 2039. */
const COUNT = 1024;

/** Stands for all tags. */
export const EVERYTHING = '*';
/** A connection that says nothing for so long is made anew, in ms: a peer that vanished ends none. */
const DEAD_MS = 3_000;

type Entry = [id: string, fields: string[]];
type Reply = [key: string, entries: Entry[]][] | null;

/** Another one after a restart, and for a cluster also after a fail-over. */
async function serverOf(client: RedisClient): Promise<string> {
  const servers = client.isCluster ? (client as Cluster).nodes('master') : [client as Redis];
  const told = await Promise.all(servers.map((server) => server.info('server')));
  return told
    .map((text) => /^run_id:(\w+)/m.exec(text)?.[1] ?? '')
    .sort()
    .join();
}

function momentOf(id: string): Moment {
  const [ms, count] = id.split('-');
  return Number(ms) * COUNT + Math.min(Number(count), COUNT - 1);
}

/** Forgets that it failed: who follows tries again, and who is silent is not trusted. */
const ignored = () => undefined;

/**
 * What is invalidated, in one order for all processes: a stream in Redis that each of them follows. A bus that only tells
 * those who listen loses what is said while a connection is made anew; here a follower goes on where it was, and one that
 * hears nothing knows that it does not know. An answer is fresh when none of its tags was invalidated after the moment
 * that its maker had followed to (generation fence).
 */
export class InvalidationLog {
  private readonly key: string;
  private client: RedisClient | undefined;
  private last = '0-0';
  private server: string | undefined;
  private heardAt = Number.NEGATIVE_INFINITY;
  private isClosed = false;
  private running: Promise<void> = Promise.resolve();
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly redis: GuardedRedis,
    private readonly hearer: InvalidationHearer,
  ) {
    this.key = `${redis.prefix}invalidations`;
  }

  /** Everything up to here is known. */
  get moment(): Moment {
    return momentOf(this.last);
  }

  /** Whether it is known what was invalidated, but for the last 0.6 s. */
  get isLive(): boolean {
    return performance.now() - this.heardAt < SILENT_MS;
  }

  /** Begins to follow, for as long as it is not closed. */
  start(): void {
    this.running = this.follow();
  }

  /**
   * Tells everyone.
   * @returns when it was written
   * @throws RedisAway when that is not known
   */
  async publish(tags: readonly string[]): Promise<Moment> {
    const id = await this.redis.run(this.key, (client) =>
      client.xadd(this.key, 'MAXLEN', '~', KEPT, '*', 'tags', tags.join(SEPARATOR)),
    );
    return momentOf(id ?? '0-0');
  }

  /** Waits until everything up to a moment is known here. @returns false when it is not, in that time */
  async reached(moment: Moment, patienceMs: number): Promise<boolean> {
    if (this.moment >= moment) return true;
    const end = performance.now() + patienceMs;
    while (this.moment < moment) {
      const leftMs = end - performance.now();
      if (leftMs <= 0) return false;
      await this.nextWord(leftMs);
    }
    return true;
  }

  private nextWord(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms).unref();
      this.waiting.add(done);
    });
  }

  private async follow(): Promise<void> {
    while (!this.isClosed) {
      try {
        await this.connect();
        for (;;) await this.read();
      } catch {
        // Whoever asks sees that nothing is heard.
      }
      this.heardAt = Number.NEGATIVE_INFINITY;
      this.client?.disconnect();
      this.client = undefined;
      if (!this.isClosed) await new Promise((wake) => setTimeout(wake, RETRY_MS).unref());
    }
  }

  /**
   * Finds its place in the log. What a server that was restarted has lost nobody can tell, so that everything older is
   * given up, by all processes and for good.
   */
  private async connect(): Promise<void> {
    const client = await this.redis.duplicate();
    this.client = client;
    client.on('error', ignored);
    client.on('node error', ignored);
    await client.connect();
    if (this.isClosed) throw new Error('closed');
    const server = await serverOf(client);
    const isOther = this.server !== undefined && this.server !== server;
    const oldest = async () => (await client.xrange(this.key, '-', '+', 'COUNT', 1)) as Entry[];
    if (isOther || (await oldest()).length === 0) await client.xadd(this.key, '*', 'tags', isOther ? EVERYTHING : '');
    this.server = server;
    const [first] = await oldest();
    // Another server's clock may be behind: its whole log is new.
    if (first && (isOther || momentOf(first[0]) > this.moment)) {
      this.hearer.unknownBefore(momentOf(first[0]));
      this.last = '0-0';
    }
  }

  private async read(): Promise<void> {
    const client = this.client;
    if (!client) throw new Error('closed');
    const reply = await within(
      DEAD_MS,
      client.xread('COUNT', CHUNK, 'BLOCK', BLOCK_MS, 'STREAMS', this.key, this.last) as Promise<Reply>,
    );
    const entries = reply?.[0]?.[1] ?? [];
    for (const [id, fields] of entries) {
      this.last = id;
      const [, tags = ''] = fields;
      if (tags === EVERYTHING) this.hearer.unknownBefore(momentOf(id));
      else if (tags !== '') this.hearer.raised(tags.split(SEPARATOR), momentOf(id));
    }
    // While there is more to read, the present is not known.
    if (entries.length < CHUNK) this.heardAt = performance.now();
    for (const wake of [...this.waiting]) wake();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.client?.disconnect();
    for (const wake of [...this.waiting]) wake();
    await this.running.catch(ignored);
  }
}
