import { atEndOfTurn } from '@nexus/kernel';

/** Who is served first, highest first; `unknown` is who says nothing of himself, and addresses that do not exist. */
export const PRIORITIES = ['health', 'sign_in', 'user_write', 'user_read', 'bulk', 'unknown'] as const;
export type Priority = (typeof PRIORITIES)[number];

export interface ConcurrencyLimitOptions {
  /** Most requests in service, whatever is measured. */
  readonly max?: number;
  /** So many are always taken, however slow they are. */
  readonly min?: number;
  /** Wait that is no sign of trouble yet, in ms; 0: nothing is ever measured, `max` alone holds. */
  readonly targetMs?: number;
  /** How often {@link ConcurrencyLimit.look} is called, in ms. */
  readonly everyMs?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** Has an action done when all that this turn of the event loop has read is dealt with. */
  readonly atEnd?: (action: () => void) => void;
}

/** The shortest that a kind of request took, as far as is believed. */
interface Shortest {
  ms: number;
}

const CLASSES = PRIORITIES.length;
/** What was the shortest is believed less with time: that much longer, each so many ms. */
const DOUBT = 1.1;
const EPOCH_MS = 60_000;
/** Fewer ended requests than this say nothing. */
const MIN_SAMPLES = 10;
/** The limit is halved at most, at a time. */
const STEEPEST = 0.5;
/** What the higher classes needed at most is kept free for them for some time after. */
const PEAK_DECAY = 0.8;
/** Kinds of requests that are told apart. */
const MAX_KINDS = 1_000;
/** A turn of the event loop that holds a look up for so many times its interval looks by itself. */
const OVERDUE = 1.2;
const SHED_LATELY_MS = 5_000;

/**
 * How many requests a process serves at a time, found from how long they wait in it, and for whom the places are.
 *
 * The limit follows the delay that requests have on top of the shortest that requests of their kind took, and how long
 * the event loop is busy with what it has read at once: the next request waits for so long before anybody knows of it.
 * What was served in such a turn of the loop keeps its place until the turn ends, so that the limit bounds it. While both are small it grows by its square root; while one of them is not, twice in a row, it
 * shrinks by the ratio of the delay that is meant to the one that is found, by a half at most. That is the gradient of
 * Netflix's `concurrency-limits` (Gradient2Limit, https://github.com/Netflix/concurrency-limits) and of Envoy's adaptive
 * concurrency filter, with a delay as the goal instead of a ratio, as CoDel has it (K. Nichols and V. Jacobson,
 * "Controlling Queue Delay", ACM Queue 10(5), 2012): the kinds of requests here take from a tenth of a millisecond to a
 * tenth of a second, and what is twice the shortest is nothing to one of them and trouble to the other.
 *
 * Each class gets what the higher ones leave: their highest numbers of late are kept free (as in H. Zhou et al.,
 * "Overload Control for Scaling WeChat Microservices", SoCC 2018, by places instead of shares). `health` is never refused.
 *
 * A request costs a few comparisons and a counter when it comes and a look-up when it ends; nothing is allocated.
 */
export class ConcurrencyLimit {
  /** Requests refused, by class, as in {@link PRIORITIES}. */
  readonly shed: readonly number[];
  readonly #max: number;
  readonly #min: number;
  readonly #targetMs: number;
  readonly #everyMs: number;
  readonly #overdueMs: number;
  readonly #now: () => number;
  readonly #atEnd: (action: () => void) => void;
  readonly #refused = new Array<number>(CLASSES).fill(0);
  readonly #serving = new Array<number>(CLASSES).fill(0);
  readonly #peaks = new Array<number>(CLASSES).fill(0);
  readonly #places = new Array<number>(CLASSES).fill(Number.POSITIVE_INFINITY);
  readonly #shortest = new Map<string, Shortest>();
  #limit: number;
  #lookedAt: number;
  #changedAt: number;
  #epochAt: number;
  #isStrained = false;
  /** About when a request was refused last. */
  #refusedAt = Number.NEGATIVE_INFINITY;
  /** When the turn of the event loop began that is under way, as far as there were requests in it. */
  #turnAt = 0;
  #isTurn = false;
  #longestTurnMs = 0;
  /** Requests that have left in this turn, and have their places until its end. */
  readonly #leaving = new Array<number>(CLASSES).fill(0);
  #samples = 0;
  #late = 0;
  #lateMs = 0;

  constructor(options: ConcurrencyLimitOptions = {}) {
    const { max = 4_096, min = 128, targetMs = 200, everyMs = 250, now = () => performance.now() } = options;
    this.#max = max;
    this.#min = Math.min(min, max);
    this.#targetMs = targetMs;
    this.#everyMs = everyMs;
    this.#overdueMs = OVERDUE * everyMs;
    this.#now = now;
    this.#atEnd = options.atEnd ?? atEndOfTurn;
    this.#limit = max;
    this.#lookedAt = now();
    this.#changedAt = this.#lookedAt;
    this.#epochAt = this.#lookedAt;
    this.shed = this.#refused;
    this.#allot();
  }

  /** Requests that may be in service now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Whether the limit is below what it may be at most: some time ago, or now, there was too much to do. */
  get isLowered(): boolean {
    return this.#limit < this.#max;
  }

  /** Whether requests were refused in the last seconds. */
  get isShedding(): boolean {
    return this.#now() - this.#refusedAt < SHED_LATELY_MS;
  }

  /** Requests in service, by class, as in {@link PRIORITIES}. */
  get serving(): readonly number[] {
    return this.#serving;
  }

  /**
   * A request comes. @param rank place in {@link PRIORITIES}
   * @param now when, by the clock of `now`
   * @returns false when it must be refused; else {@link leave} has to be called once
   */
  enter(rank: number, now: number): boolean {
    if (!this.#isTurn) this.#beginTurn(now);
    else if (now - this.#lookedAt > this.#overdueMs) this.look();
    const serving = this.#serving[rank] as number;
    if (serving >= (this.#places[rank] as number)) return this.#refuse(rank);
    this.#serving[rank] = serving + 1;
    if (serving >= (this.#peaks[rank] as number)) this.#peaks[rank] = serving + 1;
    return true;
  }

  /** As {@link enter} for a request that may last for as long as it likes: it takes no place, and does not leave. */
  admits(rank: number): boolean {
    return (this.#serving[rank] as number) < (this.#places[rank] as number) || this.#refuse(rank);
  }

  #refuse(rank: number): false {
    this.#refused[rank] = (this.#refused[rank] as number) + 1;
    this.#refusedAt = this.#lookedAt;
    return false;
  }

  /** A request has left. */
  leave(rank: number): void {
    const counts = this.#isTurn ? this.#leaving : this.#serving;
    counts[rank] = (counts[rank] as number) + (this.#isTurn ? 1 : -1);
  }

  #beginTurn(now: number): void {
    this.#isTurn = true;
    this.#turnAt = now;
    this.#atEnd(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#isTurn = false;
    this.#longestTurnMs = Math.max(this.#longestTurnMs, this.#now() - this.#turnAt);
    for (let rank = 0; rank < CLASSES; rank += 1) {
      this.#serving[rank] = (this.#serving[rank] as number) - (this.#leaving[rank] as number);
      this.#leaving[rank] = 0;
    }
  };

  /**
   * How long a request took whose work was this process's own.
   *
   * @param kind its route
   * @param startedAt when it came, by the clock of `now`
   * @param ms from then to its end
   */
  took(kind: string, startedAt: number, ms: number): void {
    const shortest = this.#shortest.get(kind);
    if (shortest === undefined) {
      if (this.#shortest.size < MAX_KINDS) this.#shortest.set(kind, { ms });
      return;
    }
    if (ms < shortest.ms) shortest.ms = ms;
    // What came before the last change was taken under another limit.
    if (startedAt < this.#changedAt) return;
    this.#samples += 1;
    const delay = ms - shortest.ms;
    if (delay <= this.#targetMs) return;
    this.#late += 1;
    this.#lateMs += delay;
  }

  /** To be called every so often: finds the limit anew. In a turn that does not end it is called by who enters. */
  look(): void {
    const now = this.#now();
    const turnMs = this.#isTurn ? now - this.#turnAt : 0;
    const lagMs = Math.max(now - this.#lookedAt - this.#everyMs, this.#longestTurnMs, turnMs);
    this.#longestTurnMs = 0;
    this.#lookedAt = now;
    if (this.#targetMs > 0) this.#follow(now, lagMs);
    this.#allot();
    this.#newEpoch(now);
  }

  #follow(now: number, lagMs: number): void {
    // Some are slow for reasons of their own; when most are, it is the process.
    const isLate = this.#samples >= MIN_SAMPLES && this.#late * 2 > this.#samples;
    const delayMs = Math.max(lagMs, isLate ? this.#lateMs / this.#late : 0);
    const isOver = delayMs > this.#targetMs;
    let serving = 0;
    for (const peak of this.#peaks) serving += peak;
    // With so few of them nothing is gained by refusing some.
    if (isOver && this.#isStrained && serving > this.#min) {
      const gradient = Math.max(STEEPEST, this.#targetMs / delayMs);
      this.#set(Math.max(this.#min, Math.min(this.#limit, serving) * gradient), now);
    } else if (!isOver && this.#limit < this.#max) {
      this.#set(Math.min(this.#max, this.#limit + Math.sqrt(this.#limit)), this.#changedAt);
    }
    this.#isStrained = isOver;
    // Few samples are kept until there are more.
    if (this.#samples < MIN_SAMPLES && !isOver) return;
    this.#samples = 0;
    this.#late = 0;
    this.#lateMs = 0;
  }

  #set(limit: number, changedAt: number): void {
    this.#limit = limit;
    this.#changedAt = changedAt;
  }

  /** Gives each class the places that the higher ones leave. */
  #allot(): void {
    let left = this.#limit;
    for (let rank = 1; rank < CLASSES; rank += 1) {
      this.#places[rank] = Math.max(0, Math.floor(left));
      const peak = this.#peaks[rank] as number;
      left -= peak;
      this.#peaks[rank] = Math.max(this.#serving[rank] as number, Math.floor(peak * PEAK_DECAY));
    }
  }

  #newEpoch(now: number): void {
    if (now - this.#epochAt < EPOCH_MS) return;
    this.#epochAt = now;
    for (const shortest of this.#shortest.values()) shortest.ms *= DOUBT;
  }
}
