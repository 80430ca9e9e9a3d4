import { createHash } from 'node:crypto';
import {
  lstatSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileFault, StartError } from '../launcher/start-error.mjs';
import { type Account, canEnter } from './account.ts';
import { ensureCentralDir } from './binaries.ts';

/**
 * Names the data directory that a database outside of it belongs to. It lies beside the database, in a folder of root's: in
 * the database's own folder its account could make root write through a link.
 */
export function ownerFile(cluster: string): string {
  return `${cluster}.data-dir`;
}

/** The place in a data directory where its database is, or where a link to it is. */
export function clusterPath(dataDir: string): string {
  return join(dataDir, 'postgres');
}

/** Follows the link of a data directory whose database lies elsewhere. */
export function followCluster(dataDir: string): string {
  const path = clusterPath(dataDir);
  const link = lstatSync(path, { throwIfNoEntry: false });
  return link?.isSymbolicLink() ? resolve(dataDir, readlinkSync(path)) : path;
}

/** The same data directory always gets the same name, and no two get one. */
function centralName(dataDir: string): string {
  const real = realpathSync(dataDir);
  const label = basename(real).startsWith('.') ? basename(dirname(real)) : basename(real);
  const readable = label.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 40) || 'nexus';
  return `${readable}-${createHash('sha256').update(real).digest('hex').slice(0, 12)}`;
}

/**
 * A copied data directory carries the link of the original, and two of them on one database would destroy it; a moved one
 * carries it rightly.
 */
function checkOwner(dataDir: string, cluster: string): void {
  const file = ownerFile(cluster);
  const real = realpathSync(dataDir);
  let owner: string;
  try {
    owner = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw fileFault(error, file);
  }
  if (owner === real) return;
  const there = lstatSync(clusterPath(owner), { throwIfNoEntry: false });
  if (there?.isSymbolicLink() && followCluster(owner) === cluster) {
    throw new StartError(
      `${dataDir} is a copy of ${owner}, whose database lies in ${cluster}: remove ${clusterPath(dataDir)} to begin with an empty database here.`,
    );
  }
  writeFileSync(file, `${real}\n`);
}

/**
 * Where the database of a data directory lies. It is the data directory itself wherever PostgreSQL can enter it; root's
 * private folders it cannot enter, so there it is a folder below `centralDir` that a link points to.
 * @returns the folder, which exists only when there is a database already
 */
export function resolveCluster(dataDir: string, account: Account | undefined, centralDir: string): string {
  const path = clusterPath(dataDir);
  const cluster = followCluster(dataDir);
  const existing = statSync(cluster, { throwIfNoEntry: false });
  if (cluster !== path) {
    if (!existing) {
      throw new StartError(
        `The database that ${path} points to is missing (${cluster}): bring it back, or remove ${path} to begin with an empty database.`,
      );
    }
    checkOwner(dataDir, cluster);
    return cluster;
  }
  if (!account || canEnter(account, dataDir)) return path;
  if (existing) {
    throw new StartError(
      `PostgreSQL runs as ${account.name}, who cannot enter ${path}: let others enter the folders above it (chmod o+x), or move the data.`,
    );
  }
  ensureCentralDir(centralDir);
  return join(centralDir, centralName(dataDir));
}

/**
 * A folder for a new database may be there already when somebody removed the data directory that pointed to it. It is
 * kept under another name, never reused: the passwords that went with it are gone.
 */
export function setAside(cluster: string): void {
  if (!lstatSync(cluster, { throwIfNoEntry: false })) return;
  renameSync(cluster, `${cluster}.until-${new Date().toISOString().replace(/[:.]/g, '-')}`);
  rmSync(ownerFile(cluster), { force: true });
}

/** Ties a new database outside of the data directory to it. */
export function linkCluster(dataDir: string, cluster: string): void {
  writeFileSync(ownerFile(cluster), `${realpathSync(dataDir)}\n`);
  symlinkSync(cluster, clusterPath(dataDir));
}
