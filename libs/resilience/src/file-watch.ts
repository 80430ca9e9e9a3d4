import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';

export interface FileWatchOptions {
  /** How long changes are gathered before one report, in ms: several files change together. */
  readonly settleMs: number;
  /** How often a report is made although nothing was noticed, in ms. */
  readonly pollMs: number;
}

/**
 * Reports, some time later, that one of the files may have changed. It watches their folders, because files are
 * replaced rather than written (Kubernetes swaps the link `..data` beside them), and falls back on the clock where
 * watching fails or a folder itself is replaced. Keeps no process alive.
 *
 * @returns ends the watch
 */
export function watchFiles(files: readonly string[], changed: () => void, options: FileWatchOptions): () => void {
  const folders = [...new Set(files.map((file) => dirname(file)))];
  let watchers: FSWatcher[] = [];
  let settling: NodeJS.Timeout | undefined;

  const report = () => {
    settling = undefined;
    changed();
  };
  const noticed = () => {
    settling ??= setTimeout(report, options.settleMs).unref();
  };
  const stop = () => {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };
  const start = () => {
    stop();
    for (const folder of folders) {
      try {
        const watcher = watch(folder, { persistent: false }, noticed);
        // The poll stands in until the folder can be watched again.
        watcher.on('error', () => watcher.close());
        watchers.push(watcher);
      } catch {
        // As above.
      }
    }
  };

  start();
  const poll = setInterval(() => {
    // A watch stays with the folder it was opened on, even when another has taken its name.
    start();
    changed();
  }, options.pollMs).unref();
  return () => {
    clearInterval(poll);
    clearTimeout(settling);
    stop();
  };
}
