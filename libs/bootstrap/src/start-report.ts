/** What services want the launcher to know once the process is ready. */
export class StartReport {
  private readonly entries = new Map<string, unknown>();

  set(key: string, value: unknown): void {
    this.entries.set(key, value);
  }

  get(key: string): unknown {
    return this.entries.get(key);
  }
}
