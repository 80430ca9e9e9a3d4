/** One breach of a house rule, at a place that an editor can jump to. */
export interface Fault {
  /** Path relative to the root, with forward slashes. */
  readonly file: string;
  /** 1-based; 1 where the fault is the file itself. */
  readonly line: number;
  /** The rule in words. */
  readonly rule: string;
}

/** Prints the faults by file and line and returns the exit code: 0 without faults, else 1. */
export function report(faults: readonly Fault[], checked: string): number {
  const sorted = [...faults].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
  for (const { file, line, rule } of sorted) console.log(`${file}:${line}  ${rule}`);
  console.log(faults.length === 0 ? `${checked}: no faults` : `${checked}: ${faults.length} fault(s)`);
  return faults.length === 0 ? 0 : 1;
}
