/** Small source trees in a temporary folder, for specs that prove a check fires. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface FixtureTree {
  readonly root: string;
  /** Runs a script of tools/check in the tree; answers its exit code and all that it printed. */
  run(script: string, ...args: string[]): { readonly code: number | null; readonly output: string };
  remove(): void;
}

/** Writes `files` (path → text) under a fresh folder. */
export function fixtureTree(files: Readonly<Record<string, string>>): FixtureTree {
  const root = mkdtempSync(path.join(tmpdir(), 'nexus-check-'));
  for (const [file, text] of Object.entries(files)) {
    const target = path.join(root, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  return {
    root,
    run(script, ...args) {
      const child = spawnSync(process.execPath, [path.join(import.meta.dirname, script), ...args], {
        cwd: root,
        encoding: 'utf8',
        timeout: 60_000,
      });
      return { code: child.status, output: child.stdout + child.stderr };
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
