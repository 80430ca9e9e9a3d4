import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { identityOf } from '../launcher/file-lock.mjs';

/**
 * Waits on its input. A line there means that the database has been stopped in order; the end of the input means that
 * everybody who held the other end is dead, and then it stops the database: cleanly, else at once, else by force. It looks
 * at the start time before each signal, because the number may by then belong to another process.
 */
const SCRIPT = `
pid=$1; started=$2; shift 2
trap '' HUP INT TERM
alive() {
  stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
  set -- \${stat##*) }
  [ "$1" != Z ] && [ "\${20}" = "$started" ]
}
quit() {
  alive || return 0
  kill -s "$1" "$pid" 2>/dev/null
  left=$2
  while alive && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
}
read -r line && exit 0
quit INT 80
quit QUIT 30
quit KILL 30
for folder; do rm -rf -- "$folder"; done
`;

/**
 * Ties a database to the life of this process, also against a kill that it cannot see coming: a small shell process holds
 * one end of a pipe whose other end only we have, and those we hand it to.
 */
export class Lifeline {
  /** The end to hold; a child that gets it too must also be gone before the database is stopped. */
  readonly held: Writable;

  /**
   * @param pid the main process of the database
   * @param removeAfterwards folders to remove when the owner has died (not when the database is stopped in order)
   */
  constructor(pid: number, removeAfterwards: readonly string[]) {
    const watcher = spawn(
      '/bin/sh',
      ['-c', SCRIPT, 'sh', `${pid}`, identityOf(pid).started ?? '', ...removeAfterwards],
      {
        cwd: '/',
        env: { PATH: '/usr/bin:/bin' },
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
      },
    );
    // Without it the database is only stopped at the next start.
    watcher.on('error', () => undefined);
    watcher.unref();
    this.held = watcher.stdin;
    this.held.on('error', () => undefined);
    if ('unref' in watcher.stdin && typeof watcher.stdin.unref === 'function') watcher.stdin.unref();
  }

  /** The database has been stopped: there is nothing left to watch over. */
  release(): void {
    this.held.end('stopped\n');
  }
}
