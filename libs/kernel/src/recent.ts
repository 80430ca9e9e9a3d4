/**
 * What was found for the latest texts. Two tables take turns, so that what is asked for again and again stays and nothing
 * has to be counted or put in order.
 *
 * For what costs more than a look-up and depends on the text alone.
 */
export class Recent<V> {
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  readonly #entries: number;
  readonly #length: number;

  /** @param entries at most twice as many are held; @param length of the longest text that is */
  constructor(entries: number, length: number) {
    this.#entries = entries;
    this.#length = length;
  }

  get(text: string): V | undefined {
    const found = this.#young.get(text);
    if (found !== undefined) return found;
    const older = this.#old.get(text);
    if (older !== undefined) this.set(text, older);
    return older;
  }

  set(text: string, value: V): void {
    if (text.length > this.#length) return;
    if (this.#young.size >= this.#entries) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, value);
  }
}
