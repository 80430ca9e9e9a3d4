import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../launcher/start-error.mjs';

const PROGRAMS = new Set(['postgres', 'initdb']);

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function works(pid: string, folder: string): boolean {
  const program = attempt(() => readlinkSync(`/proc/${pid}/exe`));
  if (!program || !PROGRAMS.has(basename(program.replace(/ \(deleted\)$/, '')))) return false;
  const cwd = attempt(() => readlinkSync(`/proc/${pid}/cwd`));
  if (cwd === folder || cwd?.startsWith(`${folder}/`)) return true;
  // initdb does not change into the folder it fills.
  const args = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')) ?? [];
  return args.some((arg) => arg === folder || arg.startsWith(`${folder}/`));
}

/**
 * The PostgreSQL processes that work in a folder or below it. Asked of the kernel and not of postmaster.pid, whose
 * number may by now belong to some other program.
 */
export function processesIn(folder: string): number[] {
  const pids = attempt(() => readdirSync('/proc')) ?? [];
  return pids.filter((pid) => /^\d+$/.test(pid) && works(pid, folder)).map(Number);
}

/** Whether the number belongs to any process, also one that is dead and that its parent has not yet noticed. */
export function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** @returns whether the condition came true in time */
export async function until(condition: () => boolean, ms: number, everyMs = 20): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() >= deadline) return false;
    await sleep(everyMs);
  }
  return true;
}

/** Signals processes; one that has gone meanwhile is what was wanted. */
export function signalAll(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) attempt(() => process.kill(pid, signal));
}

/**
 * Ends the database that an earlier, killed launcher left running in the folder: cleanly if it lets itself be, by force
 * if not, which costs a recovery at the next start and no data.
 * @param pidOfMain the process that the others belong to, or undefined when only others can be left
 */
export async function stopOrphans(folder: string, pidOfMain: number | undefined): Promise<void> {
  let left = processesIn(folder);
  if (left.length === 0) return;
  const main = left.filter((pid) => pid === pidOfMain);
  const gone = (): boolean => {
    left = processesIn(folder);
    return left.length === 0;
  };
  if (main.length > 0) {
    signalAll(main, 'SIGINT');
    if (await until(gone, 8000)) return;
  }
  signalAll(main.length > 0 ? main : left, 'SIGQUIT');
  if (await until(gone, 3000)) return;
  signalAll(left, 'SIGKILL');
  await until(gone, 3000);
}
