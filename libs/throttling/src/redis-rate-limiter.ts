import { randomBytes } from 'node:crypto';
import type { Clock } from '@nexus/kernel';
import type { GuardedRedis } from '@nexus/redis';
import { MAX_WINDOWS } from './local-rate-limiter.js';
import { type RateDecision, RateLimiter } from './rate-limiter.js';
import { type RateWindow, RateWindows, secondsLeft, steadyClock } from './rate-windows.js';

/**
 * One decision, as a whole. The key holds, by process, how many requests each let pass in the window; what a process says
 * of itself makes good what is not known here, because Redis was away or has lost its data. Arguments: limit, length of a
 * window in ms, the process, how many it let pass, and how many ms its window goes on if there is none here. Answers:
 * allowed, count of all, ms to the window's end.
 *
 * One key, so that it may lie on any node of a cluster. The window begins with its first counted request; a refused one
 * writes nothing.
 */
const CONSUME = `
local limit, length, process, own, left = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ARGV[5]
local held = redis.call('HGETALL', KEYS[1])
local others, mine = 0, 0
for i = 1, #held, 2 do
  if held[i] == process then mine = tonumber(held[i + 1]) else others = others + tonumber(held[i + 1]) end
end
local counted = math.max(mine, own)
local allowed = 0
if others + counted < limit then
  allowed = 1
  counted = counted + 1
end
if counted > mine then redis.call('HSET', KEYS[1], process, counted) end
if #held > 0 then return {allowed, others + counted, math.max(1, redis.call('PTTL', KEYS[1]))} end
if own > 0 then length = left end
if counted > 0 then redis.call('PEXPIRE', KEYS[1], length) end
return {allowed, counted, tonumber(length)}
`;

/**
 * So long before the end of a window, in ms, it is not said any more what was counted in it: it may have ended in Redis
 * already, and would be held for the next one's.
 */
const ENDING_MS = 250;
const TOLD_AT_ONCE = 500;

export interface RedisRateLimiterOptions {
  /** The part of each limit that this process grants while Redis is away, above 0, at most 1: one over the processes. */
  readonly share: number;
  readonly maxKeys?: number;
  readonly clock?: Clock;
}

/** How many decisions were made with Redis, and how many without. */
export interface RateDecisions {
  readonly shared: number;
  readonly alone: number;
}

/**
 * {@link RateLimiter} of all processes together, counted in Redis by one script: exact whichever process is asked.
 *
 * While Redis does not answer, each process goes on alone, with its share of what was left of the limit when it was asked
 * last; what it lets pass meanwhile is told to Redis when it is back. So the limit is neither forgotten when Redis goes nor
 * granted twice when it comes back, also where it comes back empty; what was just being asked when it went may come on
 * top. A decision takes no longer than the deadline of {@link GuardedRedis}, and none is an error.
 */
export class RedisRateLimiter extends RateLimiter {
  readonly #redis: GuardedRedis;
  readonly #consume: (key: string, ...args: (string | number)[]) => Promise<unknown>;
  readonly #windows: RateWindows;
  readonly #share: number;
  readonly #clock: Clock;
  readonly #prefix: string;
  /** This process among all; another one after each start, so that what was counted before stays counted. */
  readonly #process = randomBytes(6).toString('base64url');
  /** Windows of which Redis is still to be told something. */
  readonly #untold = new Set<RateWindow>();
  readonly #decisions = { shared: 0, alone: 0 };

  constructor(redis: GuardedRedis, options: RedisRateLimiterOptions) {
    super();
    this.#redis = redis;
    this.#consume = redis.script('nexusConsume', CONSUME);
    this.#windows = new RateWindows(options.maxKeys ?? MAX_WINDOWS);
    this.#share = options.share;
    this.#clock = options.clock ?? steadyClock;
    this.#prefix = `${redis.prefix}limit:`;
    redis.onChange((isUp) => {
      if (isUp) void this.#tell();
    });
  }

  get decisions(): RateDecisions {
    return this.#decisions;
  }

  override consume(key: string, limit: number, windowMs: number): RateDecision | Promise<RateDecision> {
    if (!this.#redis.answers(this.#prefix + key)) return this.#alone(key, limit, windowMs);
    return this.#together(key, limit, windowMs);
  }

  async #together(key: string, limit: number, windowMs: number): Promise<RateDecision> {
    try {
      const { allowed, count, left } = await this.#ask(key, limit, windowMs);
      this.#note(key, windowMs, { allowed, count, left });
      this.#decisions.shared += 1;
      return { allowed, limit, remaining: Math.max(0, limit - count), resetSeconds: secondsLeft(left) };
    } catch {
      return this.#alone(key, limit, windowMs);
    }
  }

  async #ask(key: string, limit: number, windowMs: number): Promise<Told> {
    const now = this.#now();
    const window = this.#open(key, now);
    const leftMs = window ? window.end - now : 0;
    const own = window && leftMs > ENDING_MS ? window.count : 0;
    const answer = await this.#consume(this.#prefix + key, limit, windowMs, this.#process, own, leftMs);
    const [allowed, count, left] = answer as [number, number, number];
    return { allowed: allowed === 1, count, left };
  }

  /** What Redis said, for the time when it says nothing. */
  #note(key: string, windowMs: number, { allowed, count, left }: Told): void {
    const now = this.#now();
    let window = this.#open(key, now);
    // A window that ends long after this one is not this one.
    if (!window || now + left > window.end + ENDING_MS) {
      window = this.#windows.open(this.#windows.find(key), key, now, windowMs);
    }
    window.end = now + left;
    // Answers may be dealt with in another order; within a window the count only grows.
    window.told = Math.max(window.told, count);
    window.alone = 0;
    if (allowed) window.count += 1;
  }

  /** By this process's share of what was left. */
  #alone(key: string, limit: number, windowMs: number): RateDecision {
    this.#decisions.alone += 1;
    const now = this.#now();
    let window = this.#open(key, now);
    if (!window) {
      if (limit < 1) return { allowed: false, limit, remaining: 0, resetSeconds: secondsLeft(windowMs) };
      window = this.#windows.open(this.#windows.find(key), key, now, windowMs);
    }
    const resetSeconds = secondsLeft(window.end - now);
    const left = limit - window.told;
    const share = left < 1 ? 0 : Math.max(1, Math.floor(left * this.#share));
    if (window.alone >= share) return { allowed: false, limit, remaining: 0, resetSeconds };
    window.count += 1;
    window.alone += 1;
    if (this.#untold.size < MAX_WINDOWS) this.#untold.add(window);
    return { allowed: true, limit, remaining: share - window.alone, resetSeconds };
  }

  /** Tells Redis of everything it does not know: so many at once that nobody waits for it, the first before anybody else. */
  async #tell(): Promise<void> {
    const windows = [...this.#untold];
    this.#untold.clear();
    for (let from = 0; from < windows.length; from += TOLD_AT_ONCE) {
      const now = this.#now();
      const open = windows.slice(from, from + TOLD_AT_ONCE).filter(({ end }) => now < end);
      await Promise.all(open.map((window) => this.#tellOf(window)));
    }
  }

  /** With a limit of nothing it is counted, and nobody is let pass. */
  async #tellOf(window: RateWindow): Promise<void> {
    try {
      await this.#ask(window.key, 0, window.lane.windowMs);
    } catch {
      this.#untold.add(window);
    }
  }

  #now(): number {
    return Math.floor(this.#clock.now());
  }

  #open(key: string, now: number): RateWindow | undefined {
    const window = this.#windows.find(key);
    return window && now < window.end ? window : undefined;
  }
}

/** What Redis says of a decision. */
interface Told {
  readonly allowed: boolean;
  /** Requests that all processes let pass in the window. */
  readonly count: number;
  /** Milliseconds to the window's end. */
  readonly left: number;
}
