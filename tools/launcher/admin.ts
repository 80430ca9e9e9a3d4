import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readablePassword, readSecret, removeSecret, writeSecret } from './secret-files.ts';
import type { Settings } from './settings.ts';
import { fileFault } from './start-error.mjs';

const PENDING = 'admin-password';
/** Exists once an administrator was reported for this data directory. */
const MARK = join('secrets', 'first-start-done');

/**
 * The password that an administrator gets if the application has to create one. Until the first start on a data directory
 * has told it to somebody, it is kept in a file: a start that is interrupted between creating the administrator and
 * showing the password must not lock the owner out.
 */
export class AdminPassword {
  /** What to pass to the application; `undefined` when the person has set one. */
  readonly value: string | undefined;
  readonly #dataDir: string;
  readonly #isFirst: boolean;
  readonly #interrupted: boolean;

  constructor(dataDir: string, settings: Settings) {
    this.#dataDir = dataDir;
    this.#isFirst = !existsSync(join(dataDir, MARK));
    if (settings.adminPasswordGiven) {
      this.#interrupted = false;
      return;
    }
    const pending = this.#isFirst ? readSecret(dataDir, PENDING) : undefined;
    // With a database of the person's own, an administrator who is there already need not be ours.
    this.#interrupted = pending !== undefined && settings.databaseUrl === undefined;
    this.value = pending ?? readablePassword();
    if (this.#isFirst && !pending) writeSecret(dataDir, PENDING, this.value);
  }

  /** @returns the password to show, if it is one that nobody has seen yet */
  toShow(created: boolean): string | undefined {
    return created || this.#interrupted ? this.value : undefined;
  }

  /** It has been shown: from now on nobody but its owner knows it. */
  shown(): void {
    try {
      if (this.#isFirst) writeFileSync(join(this.#dataDir, MARK), '', { mode: 0o600 });
      removeSecret(this.#dataDir, PENDING);
    } catch (error) {
      throw fileFault(error, this.#dataDir);
    }
  }
}
