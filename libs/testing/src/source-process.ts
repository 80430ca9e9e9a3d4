import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process that runs sources of the workspace, for specs that kill it. */
export interface SourceProcess {
  readonly pid: number;
  /** Writes a line to its standard input. */
  tell(line: string): void;
  /** Resolves with the first line of standard output that begins with this text. @throws Error when the process ends before */
  line(start: string): Promise<string>;
  /** Ends it as a crash would (SIGKILL); resolves when it is gone. */
  kill(): Promise<void>;
}

const HOOKS = new URL('./typescript-hooks.mjs', import.meta.url);

/**
 * Runs a module in a process of its own. It may import `@nexus/<lib>` and, by absolute file URL, any source file.
 * @param source text of an ES module
 */
export function runSource(source: string): SourceProcess {
  const flags = [
    '--disable-warning=ExperimentalWarning',
    '--import',
    HOOKS.href,
    '--input-type=module',
    '--eval',
    source,
  ];
  const cache = process.env.NODE_COMPILE_CACHE;
  // Jest's own flags are not the child's.
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, flags, {
    cwd: fileURLToPath(new URL('../../../', HOOKS)),
    stdio: 'pipe',
    env: { PATH: process.env.PATH, ...(cache ? { NODE_COMPILE_CACHE: cache } : {}) },
  });
  let output = '';
  let faults = '';
  const waiting = new Set<() => void>();
  const look = () => {
    for (const check of waiting) check();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    faults = (faults + text).slice(-4096);
  });
  const gone = new Promise<void>((resolve) =>
    child.on('close', () => {
      resolve();
      look();
    }),
  );
  // A process that is gone takes nothing.
  child.stdin.on('error', () => undefined);
  return {
    pid: child.pid ?? 0,
    tell: (line) => void child.stdin.write(`${line}\n`),
    line: (start) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const found = output
            .split('\n')
            .slice(0, -1)
            .find((line) => line.startsWith(start));
          if (found === undefined && child.exitCode === null && child.signalCode === null) return;
          waiting.delete(check);
          if (found !== undefined) resolve(found);
          else reject(new Error(`The process ended without "${start}": ${faults}`));
        };
        waiting.add(check);
        check();
      }),
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
