import { type ChildProcess, spawn } from 'node:child_process';

/** Reads process ids until its input ends, which happens when the benchmark dies; a line "done" means an orderly end. */
const SCRIPT = `
trap '' HUP INT TERM
pids=
while read -r line; do
  [ "$line" = done ] && exit 0
  pids="$pids $line"
done
[ -n "$pids" ] && kill -s TERM $pids 2>/dev/null
`;

/** Ends the servers under test also when the benchmark is killed and cannot do it any more. */
export class Reaper {
  readonly #shell: ChildProcess;

  constructor() {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT], { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    // Without it only a benchmark that is killed leaves servers behind.
    this.#shell.on('error', () => undefined);
    this.#shell.stdin?.on('error', () => undefined);
    this.#shell.unref();
  }

  watch(pid: number): void {
    this.#shell.stdin?.write(`${pid}\n`);
  }

  /** Everything has been stopped: nothing is left to end. */
  release(): void {
    this.#shell.stdin?.end('done\n');
  }
}
