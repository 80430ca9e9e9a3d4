/**
 * Remembers when tags were invalidated last, so that work which began before is known to be stale (generation fence).
 * Time is a sequence of invalidations, not a clock. Memory is bounded: of the tags that were dropped only the latest
 * moment is kept, and it counts for every tag that is not remembered; that may refuse too much, never too little.
 */
export class TagFences {
  /** In the order of their moments. */
  readonly #moments = new Map<string, number>();
  readonly #maxTags: number;
  /** The latest moment of a tag that is not remembered. */
  #floor = 0;
  /** When everything was raised last. */
  #cleared = 0;
  #now = 0;

  constructor(maxTags: number) {
    this.#maxTags = maxTags;
  }

  /** The present moment; work that begins now is fresh until one of its tags is raised. */
  get now(): number {
    return this.#now;
  }

  raise(tags: readonly string[]): void {
    this.#now += 1;
    for (const tag of tags) {
      this.#moments.delete(tag);
      this.#moments.set(tag, this.#now);
    }
    if (this.#moments.size > this.#maxTags) this.#forget();
  }

  /** Many at once: looking for the oldest skips over all that was moved since the last time. */
  #forget(): void {
    const kept = this.#maxTags - (this.#maxTags >> 3);
    for (const [tag, moment] of this.#moments) {
      if (this.#moments.size <= kept) return;
      this.#floor = moment;
      this.#moments.delete(tag);
    }
  }

  /** Makes all work stale that began before, whatever its tags. */
  raiseAll(): void {
    this.#now += 1;
    this.#cleared = this.#now;
    this.#floor = this.#now;
    this.#moments.clear();
  }

  /** Whether one of the tags was invalidated after `moment`. */
  stale(tags: readonly string[], moment: number): boolean {
    if (moment === this.#now) return false;
    if (moment < this.#cleared || (moment < this.#floor && tags.length > 0)) return true;
    for (const tag of tags) {
      const raised = this.#moments.get(tag);
      if (raised !== undefined && raised > moment) return true;
    }
    return false;
  }
}
