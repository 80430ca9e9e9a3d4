/** Programs of this machine that suites need. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** @param more folders that are looked into besides those of the PATH */
export function programOnPath(name: string, ...more: string[]): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...more];
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Installs a package on Debian and Ubuntu, when that is allowed (root). @returns whether it is there now */
export function aptInstall(name: string): boolean {
  if (process.getuid?.() !== 0 || !programOnPath('apt-get', '/usr/bin')) return false;
  console.log(`installing ${name} with apt-get`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return [['update'], ['install', '--yes', '--no-install-recommends', name]].every((args) => {
    const { status, stderr } = spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8', timeout: 240_000 });
    if (status !== 0) console.error(`apt-get ${args[0]} failed: ${stderr.trim()}`);
    return status === 0;
  });
}
