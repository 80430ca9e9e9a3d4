import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** A process, told from a later one with the same number by when it began. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly began: string;
  readonly name: string;
}

/** @see proc_pid_stat(5): the name stands in parentheses and may hold any character */
function readStat(pid: number): Process | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const end = stat.lastIndexOf(')');
  const fields = stat.slice(end + 2).split(' ');
  // A dead process that its parent has not noticed yet is no process any more.
  if (fields[0] === 'Z') return undefined;
  return { pid, parent: Number(fields[1]), began: fields[19] ?? '', name: stat.slice(stat.indexOf('(') + 1, end) };
}

function all(): Process[] {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => readStat(Number(name)))
      .filter((found) => found !== undefined);
  }
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,lstart=,comm='], { encoding: 'utf8' }).trim().split('\n');
  return lines.flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)$/.exec(line);
    return match
      ? [{ pid: Number(match[1]), parent: Number(match[2]), began: match[3] ?? '', name: match[4] ?? '' }]
      : [];
  });
}

/** The process, its children, theirs, and so on. */
export function familyOf(pid: number): Process[] {
  const everyone = all();
  const family = everyone.filter((found) => found.pid === pid);
  for (let n = 0; n < family.length; n++) family.push(...everyone.filter(({ parent }) => parent === family[n]?.pid));
  return family;
}

/** Those that still run. */
export function stillRunning(processes: readonly Process[]): Process[] {
  const now = new Map(all().map((found) => [found.pid, found.began]));
  return processes.filter(({ pid, began }) => now.get(pid) === began);
}
