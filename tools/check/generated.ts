/** Asks every generator whether the files that it wrote into the repository are what it would write now. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Fault, report } from './fault.ts';

interface Generator {
  readonly name: string;
  /** Script and arguments for Node: exits 0 if the files are current, else names the stale ones and exits 1. */
  readonly command: readonly [script: string, ...args: string[]];
  /** Writes them anew. */
  readonly mend: string;
}

const GENERATORS: readonly Generator[] = [
  {
    name: 'route manifest, API description, error and configuration pages',
    command: ['tools/generate/main.ts', '--check'],
    mend: 'npm run generate',
  },
];

const TIMEOUT_MS = 240_000;
const root = process.cwd();

function faultsOf({ name, command, mend }: Generator): Fault[] {
  const [script, ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [path.join(root, script), ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  if (status === 0) return [];
  const said = `${stdout ?? ''}${stderr ?? ''}${error ? error.message : ''}`.trim();
  return [{ file: script, line: 1, rule: `${name}: not current, run ${mend}\n${said}` }];
}

const present = GENERATORS.filter(({ command }) => existsSync(path.join(root, command[0])));
process.exitCode = report(present.flatMap(faultsOf), `${present.length} generator(s)`);
