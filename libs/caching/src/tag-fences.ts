/**
 * Remembers when tags were invalidated last, so that work which began before is known to be stale (generation fence).
 * Time is a sequence of invalidations, not a clock. Memory is bounded: of the tags that were forgotten only the latest
 * moment is kept, and it counts for every tag that is not remembered; that may refuse too much, never too little.
 *
 * Two maps take turns instead of one ordered by age: removing and setting one hot key again and again makes a Map
 * slow, because removed entries stay in its chains until it is rebuilt.
 */
export class TagFences {
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  readonly #half: number;
  /** When the young map began: no moment in the old one is later. */
  #turn = 0;
  /** The latest moment a forgotten tag can have. */
  #floor = 0;
  /** When everything was raised last. */
  #cleared = 0;
  #now = 0;

  /** @param maxTags tags remembered one by one; at least half as many always are */
  constructor(maxTags: number) {
    this.#half = Math.max(1, maxTags >> 1);
  }

  /** The present moment; work that begins now is fresh until one of its tags is raised. */
  get now(): number {
    return this.#now;
  }

  /** Tags remembered one by one. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  raise(tags: readonly string[]): void {
    this.raiseAt(tags, this.#now + 1);
  }

  /** As {@link raise}, at a moment of somebody else's count; it may come out of order. */
  raiseAt(tags: readonly string[], moment: number): void {
    this.#now = Math.max(this.#now, moment);
    for (const tag of tags) {
      if ((this.#young.get(tag) ?? this.#old.get(tag) ?? -1) > moment) continue;
      this.#young.set(tag, moment);
      if (this.#young.size >= this.#half) this.#rotate();
    }
  }

  /** Makes all work stale that began before a moment: what was invalidated until then is not known. */
  raiseAllAt(moment: number): void {
    this.#now = Math.max(this.#now, moment);
    this.#cleared = Math.max(this.#cleared, moment);
  }

  /** Makes all work stale that began before, whatever its tags. */
  raiseAll(): void {
    this.#now += 1;
    this.#cleared = this.#now;
    this.#young.clear();
    this.#old.clear();
  }

  /** Whether one of the tags was invalidated after `moment`. */
  stale(tags: readonly string[], moment: number): boolean {
    if (moment === this.#now) return false;
    if (moment < this.#cleared || (moment < this.#floor && tags.length > 0)) return true;
    for (const tag of tags) {
      const raised = this.#young.get(tag) ?? this.#old.get(tag);
      if (raised !== undefined && raised > moment) return true;
    }
    return false;
  }

  #rotate(): void {
    this.#floor = this.#turn;
    this.#turn = this.#now;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
