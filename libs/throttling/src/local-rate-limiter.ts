import type { Clock } from '@nexus/kernel';
import { type RateDecision, RateLimiter } from './rate-limiter.js';

const origin = performance.timeOrigin;

/** Epoch milliseconds that never step: an adjustment of the system's clock neither shortens nor lengthens a window. */
const steadyClock: Clock = { now: () => Math.floor(origin + performance.now()) };

/** Windows of one length, in the order of their ends. */
class Lane {
  head: Window | undefined;
  tail: Window | undefined;
  constructor(readonly windowMs: number) {}
}

class Window {
  count = 0;
  prev: Window | undefined;
  next: Window | undefined;
  constructor(
    readonly key: string,
    public lane: Lane,
    public end: number,
  ) {}
}

/**
 * A Map of 200,000 keys stops the process for 10–40 ms whenever it grows or compacts; one of 3,000 does not show.
 */
const SHARDS = 64;

/** Ended windows taken away whenever one is opened: more than one, so that the memory of a flood comes back. */
const SWEEP_STEPS = 4;

export interface LocalRateLimiterOptions {
  /** Most windows held at once (200,000, about 40 MB). Beyond that the windows that end soonest are given up. */
  readonly maxKeys?: number;
  readonly clock?: Clock;
}

/**
 * {@link RateLimiter} in this process's memory. Answers at once, so that no other request can come in between: exact
 * under any flood. Takes no timers: ended windows go when new ones are opened, a few at a time.
 */
export class LocalRateLimiter extends RateLimiter {
  readonly #shards: Map<string, Window>[] = Array.from({ length: SHARDS }, () => new Map());
  readonly #lanes = new Map<number, Lane>();
  readonly #maxKeys: number;
  readonly #clock: Clock;
  #size = 0;
  #evictions = 0;

  constructor(options: LocalRateLimiterOptions = {}) {
    super();
    this.#maxKeys = Math.max(1, options.maxKeys ?? 200_000);
    this.#clock = options.clock ?? steadyClock;
  }

  /** Windows held, ended ones that were not yet swept among them. */
  get size(): number {
    return this.#size;
  }

  /** Open windows given up for want of room since the start. */
  get evictions(): number {
    return this.#evictions;
  }

  override consume(key: string, limit: number, windowMs: number): RateDecision {
    const now = Math.floor(this.#clock.now());
    let window = shardOf(this.#shards, key).get(key);
    if (window === undefined || now >= window.end) {
      // Nothing is counted, so no window opens.
      if (limit < 1) return { allowed: false, limit, remaining: 0, resetSeconds: seconds(windowMs) };
      window = this.#open(window, key, now, windowMs);
    }
    const resetSeconds = seconds(window.end - now);
    if (window.count >= limit) return { allowed: false, limit, remaining: 0, resetSeconds };
    window.count += 1;
    return { allowed: true, limit, remaining: Math.floor(limit - window.count), resetSeconds };
  }

  #open(ended: Window | undefined, key: string, now: number, windowMs: number): Window {
    if (ended !== undefined) this.#unlink(ended);
    this.#sweep(now);
    let lane = this.#lanes.get(windowMs);
    if (lane === undefined) {
      lane = new Lane(windowMs);
      this.#lanes.set(windowMs, lane);
    }
    let window = ended;
    if (window === undefined) {
      if (this.#size >= this.#maxKeys) this.#evict();
      window = new Window(key, lane, 0);
      shardOf(this.#shards, key).set(key, window);
      this.#size += 1;
    }
    window.lane = lane;
    window.count = 0;
    window.end = now + windowMs;
    window.prev = lane.tail;
    if (lane.tail === undefined) lane.head = window;
    else lane.tail.next = window;
    lane.tail = window;
    return window;
  }

  #sweep(now: number): void {
    let steps = SWEEP_STEPS;
    for (const lane of this.#lanes.values()) {
      while (lane.head !== undefined && lane.head.end <= now && steps > 0) {
        this.#remove(lane.head);
        steps -= 1;
      }
      if (lane.head === undefined) this.#lanes.delete(lane.windowMs);
    }
  }

  #evict(): void {
    let soonest: Window | undefined;
    for (const { head } of this.#lanes.values()) {
      if (head !== undefined && (soonest === undefined || head.end < soonest.end)) soonest = head;
    }
    if (soonest === undefined) return;
    this.#remove(soonest);
    this.#evictions += 1;
  }

  #remove(window: Window): void {
    this.#unlink(window);
    shardOf(this.#shards, window.key).delete(window.key);
    this.#size -= 1;
  }

  #unlink(window: Window): void {
    const { lane, prev, next } = window;
    if (prev === undefined) lane.head = next;
    else prev.next = next;
    if (next === undefined) lane.tail = prev;
    else next.prev = prev;
    window.prev = undefined;
    window.next = undefined;
  }
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

/** Places that differ between callers: the last figures of an IPv4 address, of an IPv6 /64 and of an id. */
function shardOf(shards: Map<string, Window>[], key: string): Map<string, Window> {
  const n = key.length;
  const mixed =
    (key.charCodeAt(n - 1) * 31 + key.charCodeAt(n - 2) * 17 + key.charCodeAt(n - 6) * 13 + key.charCodeAt(n - 7)) | 0;
  return shards[(mixed ^ (mixed >> 6)) & (SHARDS - 1)] as Map<string, Window>;
}
