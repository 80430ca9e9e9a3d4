import { type Clock, systemClock } from '@nexus/kernel';
import { LatencyHistogram } from '@nexus/observability';
import { sizeOf } from './answer-size.js';
import type {
  CacheCounters,
  CachedAnswer,
  CacheFill,
  FlightPlace,
  FreshAnswer,
  StoreOptions,
} from './cached-answer.js';
import type { CachingConfig } from './caching.config.js';
import { Fill, type FillTicket } from './fill.js';
import { type Flight, Flights } from './flights.js';
import { TagFences } from './tag-fences.js';
import { TagIndex } from './tag-index.js';
import { TinyLfuStore } from './tiny-lfu-store.js';

export interface ResponseCacheOptions {
  /** Nothing is kept or collapsed when false. */
  readonly enabled?: boolean;
  readonly maxEntries?: number;
  /** Most memory of all answers, in bytes. */
  readonly maxBytes?: number;
  /** Longest life of an answer, in ms. */
  readonly ttlMs?: number;
  /** By which share at most a life is shortened, at random, so that answers kept together do not end together. */
  readonly jitter?: number;
  /** How long followers wait for their leader, in ms. */
  readonly flightMs?: number;
  /** Tags whose last invalidation is remembered one by one. */
  readonly maxFences?: number;
  readonly clock?: Clock;
}

/**
 * Who is told of invalidations; `from` is where they came from. One who tells others gives a promise, which never rejects.
 */
export type InvalidationListener = (tags: readonly string[], from: string) => unknown;

interface Entry extends CachedAnswer {
  readonly key: string;
  /** Place of its fill among all fills. */
  readonly begun: number;
  /** Milliseconds since the epoch; until then it may be given although it is stale. */
  readonly staleUntil: number;
}

/** Of so many look-ups one is timed: looking at the clock twice takes as long as the look-up itself. */
const MEASURED = 64;
/** No answer takes more than this share of the memory. */
const LARGEST_SHARE = 16;
const MAX_TAGS = 256;
/**
 * The answers that this process keeps (L1), bounded by number and bytes; who stays is up to {@link TinyLfuStore}.
 *
 * An answer is never served once one of its tags was invalidated, also when it was read before and would be kept after:
 * {@link beginFill} notes the moment, and keeping it compares. Invalidate after the change is committed and before
 * it is answered.
 */
export class ResponseCache {
  readonly enabled: boolean;
  /** Times of look-ups by tier: each one in Redis, every 64th here. */
  readonly latency = new LatencyHistogram(
    'cache_lookup_duration_seconds',
    'Duration of look-ups of kept answers in seconds, by tier.',
    'tier',
    [0.000_001, 0.000_01, 0.000_1, 0.001, 0.003, 0.01, 0.025],
  );
  readonly #entries: TinyLfuStore<Entry>;
  readonly #index = new TagIndex<Entry>();
  readonly #fences: TagFences;
  readonly #flights: Flights;
  readonly #listeners = new Set<InvalidationListener>();
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #jitter: number;
  readonly #maxEntryBytes: number;
  readonly #count = {
    hits: 0,
    misses: 0,
    stores: 0,
    fenced: 0,
    evictions: 0,
    collapsed: 0,
    invalidated: 0,
    listenerFailures: 0,
  };
  #begun = 0;

  constructor(options: ResponseCacheOptions = {}) {
    const maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.enabled = options.enabled ?? true;
    this.#clock = options.clock ?? systemClock;
    this.#ttlMs = options.ttlMs ?? 300_000;
    this.#jitter = options.jitter ?? 0;
    this.#maxEntryBytes = Math.max(1, Math.floor(maxBytes / LARGEST_SHARE));
    this.#fences = new TagFences(options.maxFences ?? 10_000);
    this.#flights = new Flights(options.flightMs ?? 5_000);
    this.#entries = new TinyLfuStore({
      maxEntries: options.maxEntries ?? 1000,
      maxBytes,
      onRemoved: (entry, reason) => {
        this.#index.remove(entry);
        if (reason === 'evicted') this.#count.evictions += 1;
      },
    });
  }

  /** A cache as configured. */
  static of(config: CachingConfig, clock?: Clock): ResponseCache {
    return new ResponseCache({
      enabled: config.CACHE_ENABLED,
      maxEntries: config.CACHE_L1_ENTRIES,
      maxBytes: config.CACHE_L1_BYTES,
      ttlMs: config.CACHE_L1_TTL_SECONDS * 1000,
      clock,
    });
  }

  get counters(): CacheCounters {
    return {
      ...this.#count,
      entries: this.#entries.size,
      bytes: this.#entries.bytes,
      tags: this.#index.tags,
      links: this.#index.links,
      flights: this.#flights.size,
    };
  }

  /** The kept answer of a key; counts a hit or a miss. */
  lookup(key: string): CachedAnswer | undefined {
    if (!this.enabled) return undefined;
    const { hits, misses } = this.#count;
    const answer = (hits + misses) % MEASURED === 0 ? this.#findTimed(key) : this.#find(key);
    if (answer === undefined) this.#count.misses += 1;
    else this.#count.hits += 1;
    return answer;
  }

  /** Takes the right to keep an answer. Call it before the work starts: what is read earlier may be stale unnoticed. */
  beginFill(key: string): CacheFill {
    return this.#fill(key, undefined);
  }

  /**
   * Joins all who miss the same key at this time: the first leads and does the work, the others wait for it, for a
   * bounded time. Whoever comes after an invalidation does not join work that began before it.
   *
   * @param tags of the answer as far as they are known beforehand
   */
  flight(key: string, tags: readonly string[] = []): FlightPlace {
    if (!this.enabled) return { leader: true, fill: this.#fill(key, undefined) };
    const now = this.#clock.now();
    const flight = this.#flights.get(key);
    if (flight && !this.#flights.overdue(flight, now) && !this.#fences.stale(flight.tags, flight.moment)) {
      return { leader: false, wait: () => this.#follow(flight) };
    }
    return { leader: true, fill: this.#fill(key, this.#flights.start(key, tags, this.#fences.now, now)) };
  }

  /**
   * Drops every answer with one of the tags, and keeps those that are being made now from being stored.
   * @param from where the invalidation came from, so that what a bus delivers is not sent to it again
   * @returns where other processes keep answers, too: resolves when they are told, or will be; never rejects
   */
  invalidate(tags: readonly string[], { from = 'local' }: { readonly from?: string } = {}): Promise<void> | undefined {
    if (tags.length === 0) return undefined;
    this.#fences.raise(tags);
    for (const tag of tags) {
      for (const entry of this.#index.bearers(tag)) {
        this.#entries.delete(entry.key);
        this.#count.invalidated += 1;
      }
    }
    const telling: unknown[] = [];
    for (const listener of this.#listeners) {
      try {
        const told = listener(tags, from);
        if (told instanceof Promise) telling.push(told);
      } catch {
        // The change is committed and the answers are gone: a listener's trouble must not fail the request.
        this.#count.listenerFailures += 1;
      }
    }
    return telling.length === 0 ? undefined : Promise.all(telling).then(() => undefined);
  }

  /** @returns ends the subscription */
  onInvalidate(listener: InvalidationListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Drops everything, what is being made now included. Listeners are not told. */
  clear(): void {
    this.#fences.raiseAll();
    this.#entries.clear();
  }

  #findTimed(key: string): Entry | undefined {
    const from = performance.now();
    const found = this.#find(key);
    this.latency.observe('l1', (performance.now() - from) / 1000);
    return found;
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const now = this.#clock.now();
    // The second: the system clock was set back, so that the age is not known.
    if (now < entry.expiresAt && now >= entry.storedAt) return entry;
    if (now >= entry.staleUntil || now < entry.storedAt) this.#entries.delete(key);
    return undefined;
  }

  /** The answer of a key whose life is over, for as long as it may still be given; none of its tags was invalidated. */
  stale(key: string): CachedAnswer | undefined {
    const entry = this.#entries.peek(key);
    const now = this.#clock.now();
    return entry && now >= entry.expiresAt && now < entry.staleUntil ? entry : undefined;
  }

  async #follow(flight: Flight): Promise<CachedAnswer | undefined> {
    await flight.wait(this.#flights.patience(flight, this.#clock.now()));
    // Looked up now, not handed over: it may have been invalidated between landing and waking.
    const answer = this.#find(flight.key);
    if (answer !== undefined) this.#count.collapsed += 1;
    return answer;
  }

  #fill(key: string, flight: Flight | undefined): CacheFill {
    this.#begun += 1;
    const ticket = { key, begun: this.#begun, moment: this.#fences.now };
    return new Fill(key, flight, (answer, options) => this.#keep(ticket, answer, options));
  }

  #keep(ticket: FillTicket, answer: FreshAnswer, { tags, ttlMs = this.#ttlMs, graceMs = 0 }: StoreOptions): boolean {
    const life = Math.floor(Math.min(ttlMs, this.#ttlMs) * (1 - this.#jitter * Math.random()));
    const size = sizeOf(ticket.key, answer, tags);
    if (!this.enabled || !(life > 0) || size > this.#maxEntryBytes || tags.length > MAX_TAGS) return false;
    const present = this.#entries.peek(ticket.key);
    if (this.#fences.stale(tags, ticket.moment) || (present !== undefined && present.begun > ticket.begun)) {
      this.#count.fenced += 1;
      return false;
    }
    const now = this.#clock.now();
    const entry: Entry = {
      status: answer.status ?? 200,
      head: answer.head,
      tail: answer.tail,
      etag: answer.etag,
      contentType: answer.contentType,
      tags: [...tags],
      storedAt: now,
      expiresAt: now + life,
      staleUntil: now + life + graceMs,
      key: ticket.key,
      begun: ticket.begun,
    };
    this.#entries.set(ticket.key, entry, size);
    this.#index.add(entry);
    this.#count.stores += 1;
    return true;
  }
}
