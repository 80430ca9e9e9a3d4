import type { GuardedRedis } from '@nexus/redis';
import type { Cache } from 'cache-manager';
import type { CachedAnswer, FreshAnswer } from './cached-answer.js';
import type { CachingConfig } from './caching.config.js';
import { EVERYTHING, InvalidationLog, type Moment } from './invalidation-log.js';
import { RedisStore } from './redis-store.js';
import type { ResponseCache } from './response-cache.js';
import { decodeAnswer, encodeAnswer } from './shared-answer.js';
import { TagFences } from './tag-fences.js';

/** Where invalidations come from that all are told of already. */
const LOG = 'log';
/** Tags whose last invalidation is remembered one by one. */
const MAX_FENCES = 50_000;
/** How long one process makes an answer for all, in ms; if it dies, another one does after that. */
const LEASE_MS = 3_000;
const LOOK_MS = 15;
/** Longer answers are not kept in Redis, in characters: whoever asks for many must not fill it. */
const MAX_LENGTH = 64 * 1024;
/** Invalidations that Redis was not there for and that are told when it is; beyond that everything is invalidated. */
const MAX_OWED = 1_000;
const OWED_MS = 100;
/** A change that was told is heard of within a millisecond or two; this is for a process that is busy. */
const CATCH_UP_MS = 50;

export interface SharedCounters {
  readonly hits: number;
  readonly misses: number;
  readonly stores: number;
  /** Answers of Redis that were not used, because one of their tags was invalidated since. */
  readonly fenced: number;
  /** Requests that waited for another process's answer and got it. */
  readonly collapsed: number;
  /** Invalidations that wait for Redis. */
  readonly owed: number;
}

/** The right to keep an answer for all processes; taken before the work starts. */
export interface SharedTicket {
  readonly key: string;
  readonly moment: Moment;
  /** Whether this process makes the answer for all. */
  readonly leads: boolean;
}

/**
 * The answers that all processes share (L2), in Redis behind cache-manager, and what keeps their first tiers right: who
 * changes something writes the tags into the {@link InvalidationLog}, and each process drops what it keeps of them.
 *
 * An answer in Redis bears the moment that its maker had followed the log to. A reader compares it with what it knows of
 * the answer's tags, so that nothing has to be deleted, and nothing stale is served whatever was said in between.
 */
export class SharedAnswers {
  readonly log: InvalidationLog;
  private readonly fences = new TagFences(MAX_FENCES);
  private readonly count = { hits: 0, misses: 0, stores: 0, fenced: 0, collapsed: 0 };
  /** Tags of which all are not told yet. */
  private readonly untold = new Map<string, number>();
  private readonly owed = new Set<string>();
  private owing: NodeJS.Timeout | undefined;
  private lastTold: Moment = 0;
  private readonly stopListening: () => void;

  private constructor(
    private readonly redis: GuardedRedis,
    private readonly tier: Cache,
    private readonly cache: ResponseCache,
    private readonly ttlMs: number,
  ) {
    this.log = new InvalidationLog(redis, {
      raised: (tags, moment) => {
        this.fences.raiseAt(tags, moment);
        void cache.invalidate(tags, { from: LOG });
      },
      unknownBefore: (moment) => {
        this.fences.raiseAllAt(moment);
        cache.clear();
      },
    });
    this.stopListening = cache.onInvalidate((tags, from) => (from === LOG ? undefined : this.publish(tags)));
  }

  static async open(redis: GuardedRedis, cache: ResponseCache, config: CachingConfig): Promise<SharedAnswers> {
    const [{ createCache }, { Keyv }] = await Promise.all([import('cache-manager'), import('keyv')]);
    // Bytes as they are: what Keyv would put around them says nothing that is not in them.
    const store = new Keyv({
      store: new RedisStore(redis, 'answer'),
      useKeyPrefix: false,
      serialize: ({ value }: { value?: unknown }) => value as string,
    });
    const shared = new SharedAnswers(
      redis,
      createCache({ stores: [store] }),
      cache,
      config.CACHE_L2_TTL_SECONDS * 1000,
    );
    shared.log.start();
    return shared;
  }

  /** The last change that this process has told of; infinite while it could not tell one. */
  get told(): Moment {
    return this.owed.size > 0 ? Number.POSITIVE_INFINITY : this.lastTold;
  }

  /**
   * Another process has changed something and told of it: who asked it to finds it changed in the next answer here.
   * @param moment what that process says of its last change
   * @param tag of everything that it may have changed: what it could not tell of, this process tells for it
   */
  async known(moment: Moment, tag: string): Promise<void> {
    if (moment <= this.log.moment) return;
    // Who hears nothing serves nothing; before it does again, it has heard of what is in the log.
    if (Number.isFinite(moment) && (!this.isTrusted || (await this.log.reached(moment, CATCH_UP_MS)))) return;
    await this.cache.invalidate([tag]);
  }

  /** The right to keep an answer without waiting for anybody. */
  ticket(key: string): SharedTicket {
    return { key, moment: this.log.moment, leads: false };
  }

  get counters(): SharedCounters {
    return { ...this.count, owed: this.owed.size };
  }

  /**
   * Whether this process knows what was invalidated. While it does not, nothing that it keeps may be served but what all
   * may see, for a second at most.
   */
  get isTrusted(): boolean {
    return this.log.isLive;
  }

  /** What is kept of a key for all processes. Never rejects. */
  async find(key: string, tags: readonly string[]): Promise<CachedAnswer | undefined> {
    if (!this.isTrusted || this.ttlMs === 0) return undefined;
    const answer = await this.look(key, tags);
    if (answer) this.count.hits += 1;
    else this.count.misses += 1;
    return answer;
  }

  private async look(key: string, tags: readonly string[]): Promise<CachedAnswer | undefined> {
    const from = performance.now();
    const bytes = await this.tier.get<Buffer>(key).catch(() => undefined);
    this.cache.latency.observe('l2', (performance.now() - from) / 1000);
    const found = bytes && decodeAnswer(bytes, key, tags);
    if (!found || found.answer.expiresAt <= Date.now()) return undefined;
    if (!this.isTrusted || this.isStale(tags, found.moment)) {
      this.count.fenced += 1;
      return undefined;
    }
    return found.answer;
  }

  /**
   * Takes the right to make an answer, for all processes: the others wait for it, for as long as a lease lasts.
   * @returns the answer where another process made it meanwhile
   */
  async lead(key: string, tags: readonly string[], patienceMs: number): Promise<SharedTicket | CachedAnswer> {
    if (!this.isTrusted || this.ttlMs === 0) return this.ticket(key);
    const lease = this.leaseOf(key);
    const end = performance.now() + Math.min(patienceMs, LEASE_MS);
    for (;;) {
      const leads = await this.takes(lease);
      const ticket = { key, moment: this.log.moment, leads };
      // Also with the lease: who had it before may have made the answer since it was looked for.
      const made = await this.look(key, tags);
      if (made) {
        if (leads) this.release(ticket);
        this.count.collapsed += 1;
        return made;
      }
      if (leads || performance.now() > end) return ticket;
      await new Promise((wake) => setTimeout(wake, LOOK_MS).unref());
    }
  }

  /** Also where Redis says nothing: then nobody waits for anybody. */
  private async takes(lease: string): Promise<boolean> {
    try {
      return (await this.redis.run(lease, (client) => client.set(lease, '1', 'PX', LEASE_MS, 'NX'))) === 'OK';
    } catch {
      return true;
    }
  }

  /** Keeps an answer for all processes, and lets those go on who wait for it. */
  keep(ticket: SharedTicket, answer: FreshAnswer, tags: readonly string[], ttlMs: number | undefined): void {
    const life = Math.min(ttlMs ?? this.ttlMs, this.ttlMs);
    if (life > 0 && answer.head.length <= MAX_LENGTH && this.isTrusted && !this.isStale(tags, ticket.moment)) {
      this.count.stores += 1;
      const bytes = encodeAnswer(ticket.key, answer, ticket.moment, Date.now(), life);
      void this.tier.set(ticket.key, bytes, life).catch(() => undefined);
    }
    this.release(ticket);
  }

  /** Lets those go on who wait for an answer that is not kept. */
  release(ticket: SharedTicket): void {
    if (!ticket.leads) return;
    const lease = this.leaseOf(ticket.key);
    void this.redis.run(lease, (client) => client.unlink(lease)).catch(() => undefined);
  }

  private leaseOf(key: string): string {
    return `${this.redis.prefix}lease:${key}`;
  }

  private isStale(tags: readonly string[], moment: Moment): boolean {
    const isQuiet = this.untold.size === 0 && this.owed.size === 0;
    if (!isQuiet && tags.some((tag) => this.untold.has(tag) || this.owed.has(tag))) return true;
    return this.fences.stale(tags, moment);
  }

  /**
   * Tells all processes what this one has dropped; settled when Redis has it. Where Redis is away it is told when it is
   * back, and until then no process trusts what it keeps.
   */
  async publish(tags: readonly string[]): Promise<void> {
    for (const tag of tags) this.untold.set(tag, (this.untold.get(tag) ?? 0) + 1);
    try {
      const moment = await this.log.publish(tags);
      this.fences.raiseAt(tags, moment);
      this.lastTold = Math.max(this.lastTold, moment);
    } catch {
      this.owe(tags);
    } finally {
      for (const tag of tags) {
        const left = (this.untold.get(tag) ?? 1) - 1;
        if (left > 0) this.untold.set(tag, left);
        else this.untold.delete(tag);
      }
    }
  }

  private owe(tags: readonly string[]): void {
    for (const tag of tags) this.owed.add(tag);
    this.owing ??= setTimeout(() => void this.pay(), OWED_MS).unref();
  }

  private async pay(): Promise<void> {
    this.owing = undefined;
    const tags = [...this.owed];
    this.owed.clear();
    await this.publish(tags.length > MAX_OWED ? [EVERYTHING] : tags);
  }

  async close(): Promise<void> {
    clearTimeout(this.owing);
    this.stopListening();
    await this.log.close();
  }
}
