import type { ChildProcess } from 'node:child_process';
import { type FSWatcher, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { build, cacheFolder, isBuilt } from './build.mjs';
import { waitForLock } from './file-lock.mjs';
import { Progress } from './progress.mjs';
import { codeOf, fileFault, StartError } from './start-error.mjs';

/** Editors write a file in several steps, and a checkout writes many files. */
const DEBOUNCE_MS = 150;

function stampOf(root: string): string {
  try {
    return readFileSync(join(root, 'dist', '.nexus-build'), 'utf8');
  } catch {
    return '';
  }
}

function foldersIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return [folder, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))];
}

/** Keeps dist/ in step with the sources while somebody works on them. */
export class Rebuilder {
  readonly #root: string;
  readonly #err: NodeJS.WritableStream;
  readonly #onBuilt: () => Promise<void>;
  readonly #watchers: FSWatcher[] = [];
  #running: string;
  #timer: NodeJS.Timeout | undefined;
  #child: ChildProcess | undefined;
  #work: Promise<void> | undefined;
  #again = false;
  #closed = false;

  /** @param onBuilt called after each build that changed dist/, also one that another process made */
  constructor(root: string, err: NodeJS.WritableStream, onBuilt: () => Promise<void>) {
    this.#root = root;
    this.#err = err;
    this.#onBuilt = onBuilt;
    this.#running = stampOf(root);
  }

  /** @throws StartError when the system does not let us watch */
  start(): void {
    try {
      this.#watchFolders();
    } catch (error) {
      this.close();
      throw new StartError(
        `The sources cannot be watched (${error instanceof Error ? error.message : error}): raise fs.inotify.max_user_watches, or use npm start.`,
      );
    }
  }

  /**
   * One watch per folder and not a recursive one, which on Linux loses a file that is replaced, as most editors do. Set up
   * anew after each change, because folders come and go; what happens meanwhile is seen by the look that follows.
   */
  #watchFolders(): void {
    this.#unwatch();
    for (const folder of ['apps', 'libs'].flatMap((name) => foldersIn(join(this.#root, name)))) {
      const watcher = watch(folder, () => this.#changed());
      // The folder went away between the look and the watch; its parent's watch tells of it.
      watcher.on('error', () => undefined);
      this.#watchers.push(watcher);
    }
  }

  /** A folder that vanished under the look leaves the watch incomplete: look again. */
  #watchAgain(): void {
    try {
      this.#watchFolders();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      this.#again = true;
    }
  }

  #unwatch(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #changed(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      if (this.#work !== undefined) this.#again = true;
      else this.#work = this.#cycle().finally(() => this.#next());
    }, DEBOUNCE_MS);
  }

  #next(): void {
    this.#work = undefined;
    if (!this.#again) return;
    this.#again = false;
    this.#changed();
  }

  async #cycle(): Promise<void> {
    try {
      this.#watchAgain();
      if (!isBuilt(this.#root)) await this.#build();
      const stamp = stampOf(this.#root);
      if (this.#closed || stamp === this.#running) return;
      this.#running = stamp;
      await this.#onBuilt();
    } catch (error) {
      if (!this.#closed) this.#say(fileFault(error, this.#root, 'make the checkout writable'));
    }
  }

  async #build(): Promise<void> {
    const lock = await waitForLock(join(cacheFolder(this.#root), 'bootstrap.lock'), { childrenHold: true });
    try {
      if (this.#closed || isBuilt(this.#root)) return;
      const progress = new Progress(this.#err);
      await build(this.#root, {
        node: process.execPath,
        progress,
        errors: this.#err,
        lock,
        onChild: (child) => {
          this.#child = child;
        },
      });
    } finally {
      lock.release();
    }
  }

  #say(error: unknown): void {
    const text = error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error);
    this.#err.write(`${text}\nWhat ran before keeps running; waiting for a change.\n`);
  }

  /** Stops watching, and a build that is under way. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#unwatch();
    this.#child?.kill('SIGTERM');
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.#work;
  }
}
