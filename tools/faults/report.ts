import type { Fault } from './fault-list.ts';
import { type Findings, KINDS } from './load/findings.ts';
import type { Span } from './load/timeline.ts';

/** What a fault did. */
export interface Row {
  readonly fault: Pick<Fault, 'name' | 'withinSeconds'>;
  /** From its beginning until all was well again. */
  readonly during: Span;
  /** Until what was ended ran again, in ms; undefined where nothing was ended. */
  readonly upMs: number | undefined;
  /** From its end to the first second in which all was well, in ms; undefined when there was none. */
  readonly recoveryMs: number | undefined;
  /** Found since the fault before. */
  readonly findings: Findings;
  /** Whatever else must not have happened. */
  readonly remarks: readonly string[];
}

const NAME = 20;
const WIDTHS = [8, 13, 5, 5, 8, 8, 9, 6, 5, 8, 6, 7, 6];
const TITLES = ['requests', 'errors', 'late', 'waits', 'cut off', 'up again', 'recovery', 'within', ...KINDS];

const line = (name: string, cells: readonly string[]): string =>
  [name.padEnd(NAME), ...cells.map((cell, i) => cell.padStart(WIDTHS[i] ?? 0))].join('  ');

export const HEAD = line('fault', TITLES);

function share({ requests, errors }: Span): string {
  return requests === 0 ? '0' : `${errors} (${((100 * errors) / requests).toFixed(1)} %)`;
}

/** A line of the table. */
export function rowLine({ fault, during, upMs, recoveryMs, findings }: Row): string {
  return line(fault.name, [
    String(during.requests),
    share(during),
    String(during.late),
    String(during.waits),
    String(during.cutOff),
    upMs === undefined ? '' : `${upMs} ms`,
    recoveryMs === undefined ? 'never' : `${recoveryMs} ms`,
    `${fault.withinSeconds} s`,
    ...KINDS.map((kind) => String(findings[kind].length)),
  ]);
}

/** What went wrong during it, most frequent first; none when nothing did. */
export function detailLines({ during }: Row): string[] {
  const what = Object.entries(during.what).sort(([, a], [, b]) => b - a);
  return what.map(([name, count]) => `${String(count).padStart(NAME + 10)}  ${name}`);
}

/** A sentence for everything in a row that must not be. */
export function violations({ fault, recoveryMs, findings, remarks }: Row): string[] {
  const late =
    recoveryMs === undefined
      ? ['it did not recover']
      : recoveryMs > fault.withinSeconds * 1_000
        ? [`it recovered after ${recoveryMs} ms, and has ${fault.withinSeconds} s`]
        : [];
  const found = KINDS.flatMap((kind) => findings[kind].map((sentence) => `${kind}: ${sentence}`));
  return [...late, ...found, ...remarks].map((sentence) => `${fault.name}: ${sentence}`);
}
