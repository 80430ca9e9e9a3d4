import type { Clock } from '@nexus/kernel';

const origin = performance.timeOrigin;

/** Epoch milliseconds that never step: an adjustment of the system's clock neither shortens nor lengthens a window. */
export const steadyClock: Clock = { now: () => Math.floor(origin + performance.now()) };

/** Windows of one length, in the order in which they were opened. */
class Lane {
  head: RateWindow | undefined;
  tail: RateWindow | undefined;
  constructor(readonly windowMs: number) {}
}

/** One window of one key. */
export class RateWindow {
  /** Requests that this process let pass. */
  count = 0;
  /** Where all count together, those of all when it was asked last. */
  told = 0;
  /** Let pass since then without asking. */
  alone = 0;
  prev: RateWindow | undefined;
  next: RateWindow | undefined;
  constructor(
    readonly key: string,
    public lane: Lane,
    /** Milliseconds since the epoch. */
    public end: number,
  ) {}
}

/**
 * A Map of 200,000 keys stops the process for 10–40 ms whenever it grows or compacts; one of 3,000 does not show.
 */
const SHARDS = 64;

/** Ended windows taken away whenever one is opened: more than one, so that the memory of a flood comes back. */
const SWEEP_STEPS = 4;

/**
 * The open windows of many keys, bounded in number. Takes no timers: ended windows go when new ones are opened, a few at
 * a time; where there is no room, the one that ends soonest is given up.
 */
export class RateWindows {
  readonly #shards: Map<string, RateWindow>[] = Array.from({ length: SHARDS }, () => new Map());
  readonly #lanes = new Map<number, Lane>();
  readonly #maxKeys: number;
  #size = 0;
  #evictions = 0;

  constructor(maxKeys: number) {
    this.#maxKeys = Math.max(1, maxKeys);
  }

  /** Windows held, ended ones that were not yet swept among them. */
  get size(): number {
    return this.#size;
  }

  /** Open windows given up for want of room since the start. */
  get evictions(): number {
    return this.#evictions;
  }

  /** The window of a key; it may have ended. */
  find(key: string): RateWindow | undefined {
    return shardOf(this.#shards, key).get(key);
  }

  /**
   * Opens a window that starts now.
   * @param ended the key's last one, where it is still held
   * @param now milliseconds since the epoch
   */
  open(ended: RateWindow | undefined, key: string, now: number, windowMs: number): RateWindow {
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
      window = new RateWindow(key, lane, 0);
      shardOf(this.#shards, key).set(key, window);
      this.#size += 1;
    }
    window.lane = lane;
    window.count = 0;
    window.told = 0;
    window.alone = 0;
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
    let soonest: RateWindow | undefined;
    for (const { head } of this.#lanes.values()) {
      if (head !== undefined && (soonest === undefined || head.end < soonest.end)) soonest = head;
    }
    if (soonest === undefined) return;
    this.#remove(soonest);
    this.#evictions += 1;
  }

  #remove(window: RateWindow): void {
    this.#unlink(window);
    shardOf(this.#shards, window.key).delete(window.key);
    this.#size -= 1;
  }

  #unlink(window: RateWindow): void {
    const { lane, prev, next } = window;
    if (prev === undefined) lane.head = next;
    else prev.next = next;
    if (next === undefined) lane.tail = prev;
    else next.prev = prev;
    window.prev = undefined;
    window.next = undefined;
  }
}

/** Whole seconds to the end of a window, rounded up; at least 1. */
export function secondsLeft(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

/** Places that differ between callers: the last figures of an IPv4 address, of an IPv6 /64 and of an id. */
function shardOf(shards: Map<string, RateWindow>[], key: string): Map<string, RateWindow> {
  const n = key.length;
  const mixed =
    (key.charCodeAt(n - 1) * 31 + key.charCodeAt(n - 2) * 17 + key.charCodeAt(n - 6) * 13 + key.charCodeAt(n - 7)) | 0;
  return shards[(mixed ^ (mixed >> 6)) & (SHARDS - 1)] as Map<string, RateWindow>;
}
