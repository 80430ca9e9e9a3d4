import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Linux counts CPU time for user space in ticks of 10 ms (USER_HZ) on every architecture that Node supports. */
const TICK_MS = 10;
const SETTLED_WINDOW_MS = 250;
/** A process that uses at most this much CPU in two windows in a row is idle; pollers need a little. */
const SETTLED_CPU_MS = 30;
const SETTLED_WINDOWS = 2;

/** Which cores the parts of the benchmark run on. */
export interface Cores {
  /** The process under test, alone. */
  subject: number;
  /** The load generator, PostgreSQL and the benchmark itself. */
  rest: number;
}

/**
 * Moves this process, and so everything it starts, to the second core that it may use, and leaves the first one to the
 * process under test. Returns `undefined` where that is not possible (no `taskset`, one core).
 */
export function takeCores(): Cores | undefined {
  try {
    const list = execFileSync('taskset', ['-pc', String(process.pid)], { encoding: 'utf8' });
    const [subject, rest] = parseCoreList(list.slice(list.lastIndexOf(':') + 1).trim());
    if (subject === undefined || rest === undefined) return undefined;
    execFileSync('taskset', ['-apc', String(rest), String(process.pid)], { stdio: 'ignore' });
    return { subject, rest };
  } catch {
    return undefined;
  }
}

/** `0-2,5` → 0, 1, 2, 5. */
export function parseCoreList(list: string): number[] {
  return [...list.matchAll(/(\d+)(?:-(\d+))?/g)].flatMap(([, from, to]) => {
    const first = Number(from);
    return Array.from({ length: Number(to ?? from) - first + 1 }, (_, index) => first + index);
  });
}

/** CPU time that a process and all its threads have used, in ms (proc(5): utime + stime of /proc/pid/stat). */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field, the command's name, may hold spaces and brackets; fields are counted behind its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** {@link cpuMs} of several processes together. */
export function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
}

/** Resident set of a process, in MB (10^6 bytes). */
export function rssMb(pid: number): number {
  return statusMb(pid, 'VmRSS');
}

/** Largest resident set of a process since {@link forgetPeakRss}, in MB. */
export function peakRssMb(pid: number): number {
  return statusMb(pid, 'VmHWM');
}

/** From now on the largest resident set counts anew (proc(5): `5` in /proc/pid/clear_refs). */
export function forgetPeakRss(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function statusMb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (match === null) throw new Error(`the kernel does not report ${field}`);
  return (Number(match[1]) * 1024) / 1e6;
}

/** Time that one core has been busy since the machine started, in ms, whoever used it. */
export function coreBusyMs(core: number): number {
  const match = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'latin1'));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (match?.[1] ?? '')
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_MS;
}

/** Waits until processes have next to nothing left to do. Returns false when they are still busy after `deadlineMs`. */
export async function settled(pids: readonly number[], deadlineMs = 20_000): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  let quiet = 0;
  const allowed = SETTLED_CPU_MS * pids.length;
  let before = cpuMsOf(pids);
  while (quiet < SETTLED_WINDOWS) {
    if (performance.now() > deadline) return false;
    await pause(SETTLED_WINDOW_MS);
    const now = cpuMsOf(pids);
    quiet = now - before <= allowed ? quiet + 1 : 0;
    before = now;
  }
  return true;
}

/** The length of a measurement, not a substitute for waiting on a condition. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Facts for the report; no names or paths. */
export function machineFacts(): string[] {
  const model = /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1];
  const memory = Number(/^MemTotal:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? 0);
  return [
    `${cpus().length} cores${model === undefined ? '' : ` (${model.trim()})`}`,
    `${(memory / 1024 / 1024).toFixed(1)} GiB of memory`,
    `${process.platform} ${process.arch}`,
    `Node ${process.versions.node}`,
  ];
}
