/**
 * While a release is rolled out, and after it was rolled back, processes of the version before run on the schema of the new
 * one. This holds the acceptance suite of the version before the last migration against that version, on data that
 * the present one made and migrated.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { newDataDir, newPassword, removeDataDir, startPlatform } from '../test/platform-server.ts';

const root = path.resolve(import.meta.dirname, '../..');
const MIGRATIONS = [':(glob)apps/*/src/migrations/[0-9]*.ts', ':(exclude,glob)**/*.spec.ts'];

function git(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

function run(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): void {
  const { status } = spawnSync(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
}

/** The commit before the one that last added or changed a migration; undefined where the history does not say. */
function versionBefore(): string | undefined {
  const [changed] = git('log', '-1', '--format=%H', '--', ...MIGRATIONS).split('\n');
  if (!changed) return undefined;
  const [, parent] = git('rev-list', '--parents', '-1', changed).split(' ');
  return parent;
}

const print = (line: string): void => console.log(line);
const context = { signal: new AbortController().signal, print };

const commit = versionBefore();
if (commit === undefined) {
  console.log('Left out: this checkout has no history, and so no version before.');
} else {
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-previous-'));
  const data = { dataDir: newDataDir(), adminPassword: newPassword() };
  try {
    git('clone', '-q', '--no-checkout', root, folder);
    git('-C', folder, 'checkout', '-q', '--detach', commit);
    console.log(`The version before is ${git('-C', folder, 'log', '-1', '--format=%h (%s)')}`);
    run(folder, ['tools/bootstrap.mjs', 'exec', '--', 'node', '--version']);
    await (await startPlatform(root, context, data)).stop(context);
    const before = await startPlatform(folder, context, data);
    try {
      run(folder, ['tools/test/main.ts', 'acceptance'], before.env);
    } finally {
      await before.stop(context);
    }
  } finally {
    removeDataDir(data.dataDir);
    rmSync(folder, { recursive: true, force: true });
  }
}
