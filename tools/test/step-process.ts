import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { familyOf, type Process, stillRunning } from './process-tree.ts';
import type { StepContext } from './run-steps.ts';

/** A launcher that a test has started promises to be gone within 10 s, and the database of a run within 14 s. */
const END_MS = 15_000;
/** Until the kernel has taken down what was killed. */
const GONE_MS = 2000;
/** Until what a process has said last is read. */
const LAST_WORDS_MS = 2000;

function signalAll(processes: readonly Process[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has gone meanwhile.
    }
  }
}

/**
 * Ends these and all that they have started: as they like it best, and those that are left after a while by force.
 * @param ms that while, in milliseconds; 0 for force at once
 */
export async function endAll(processes: readonly Process[], ms = END_MS): Promise<void> {
  let left = processes;
  if (ms > 0) signalAll(left, 'SIGTERM');
  const deadline = Date.now() + ms;
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(50);
    const known = new Set(left.map(({ pid }) => pid));
    const newer = left.flatMap(({ pid }) => familyOf(pid)).filter(({ pid }) => !known.has(pid));
    signalAll(newer, 'SIGTERM');
    left = stillRunning([...left, ...newer]);
  }
  signalAll(left, 'SIGKILL');
  const gone = Date.now() + GONE_MS;
  while (stillRunning(left).length > 0 && Date.now() < gone) await sleep(20);
}

function printLines(child: ChildProcess, print: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', print);
  }
}

/**
 * Runs Node with these arguments, and shows its output line by line. Ends it, and all that it has started, when the
 * step is to end.
 * @throws Error unless it ends with code 0
 */
export async function runNode(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
  { signal, print }: StepContext,
): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  printLines(child, print);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let ended: Promise<void> | undefined;
  const end = (): void => {
    ended ??= endAll(child.pid === undefined ? [] : familyOf(child.pid));
  };
  signal.addEventListener('abort', end);
  const ending = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, by) => resolve(by ?? `code ${code}`));
  });
  // What it leaves behind may hold its output open.
  await Promise.race([closed, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
  signal.removeEventListener('abort', end);
  await ended;
  if (ending !== 'code 0') throw new Error(`${args.find((arg) => !arg.startsWith('-'))} ended with ${ending}`);
}
