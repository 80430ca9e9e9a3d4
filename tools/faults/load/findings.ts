/** What must not happen, by kind. */
export const KINDS = ['lost', 'doubled', 'stale', 'format', 'wrong'] as const;
export type Kind = (typeof KINDS)[number];

/** A sentence for each thing that must not have happened. */
export type Findings = Readonly<Record<Kind, readonly string[]>>;

/** Collects findings. What is lost or doubled stays so, and is reported once. */
export class FindingsList {
  #found: Record<Kind, string[]> = FindingsList.#none();
  readonly #known = new Set<string>();

  static #none(): Record<Kind, string[]> {
    return { lost: [], doubled: [], stale: [], format: [], wrong: [] };
  }

  add(kind: Kind, sentence: string): void {
    if (kind === 'lost' || kind === 'doubled') {
      if (this.#known.has(`${kind} ${sentence}`)) return;
      this.#known.add(`${kind} ${sentence}`);
    }
    this.#found[kind].push(sentence);
  }

  /** What was found since the last call. */
  take(): Findings {
    const found = this.#found;
    this.#found = FindingsList.#none();
    return found;
  }
}
