/** Which entries bear a tag. An entry is in here exactly as long as it is in the cache. */
export class TagIndex<E extends { readonly tags: readonly string[] }> {
  readonly #entries = new Map<string, Set<E>>();
  #links = 0;

  /** Tags that at least one entry bears. */
  get tags(): number {
    return this.#entries.size;
  }

  /** Pairs of tag and entry. */
  get links(): number {
    return this.#links;
  }

  add(entry: E): void {
    for (const tag of entry.tags) {
      let bearers = this.#entries.get(tag);
      if (bearers === undefined) {
        bearers = new Set();
        this.#entries.set(tag, bearers);
      }
      if (bearers.has(entry)) continue;
      bearers.add(entry);
      this.#links += 1;
    }
  }

  remove(entry: E): void {
    for (const tag of entry.tags) {
      const bearers = this.#entries.get(tag);
      if (!bearers?.delete(entry)) continue;
      this.#links -= 1;
      if (bearers.size === 0) this.#entries.delete(tag);
    }
  }

  /** The entries that bear a tag, at this moment. */
  bearers(tag: string): readonly E[] {
    const bearers = this.#entries.get(tag);
    return bearers === undefined ? [] : [...bearers];
  }
}
