/**
 * A map of what was used lately, in two generations: what is found in the old one moves to the young one, and when that
 * is full the old one is dropped. Forgets less exactly than a list by recency, but a look-up is a look-up and nothing
 * more (D. Tarr, "hashlru", 2016).
 */
export class RecentMap<K, V> {
  private young = new Map<K, V>();
  private old = new Map<K, V>();

  private readonly size: number;

  /** @param size entries of one generation: so many are kept for sure, twice as many at most */
  constructor(size: number) {
    this.size = size;
  }

  get(key: K): V | undefined {
    const found = this.young.get(key);
    if (found !== undefined) return found;
    const kept = this.old.get(key);
    if (kept !== undefined) this.set(key, kept);
    return kept;
  }

  set(key: K, value: V): void {
    this.young.set(key, value);
    if (this.young.size < this.size) return;
    this.old = this.young;
    this.young = new Map();
  }

  delete(key: K): void {
    this.young.delete(key);
    this.old.delete(key);
  }
}
