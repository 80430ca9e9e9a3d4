import { type ChildProcess, spawn } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ensureSecret, randomSecret, readSecret, writeSecret } from '../launcher/secret-files.ts';
import { codeOf, fileFault, StartError } from '../launcher/start-error.mjs';
import { type Account, nameOfUser, runAs } from './account.ts';
import type { Binaries } from './binaries.ts';
import { explain } from './faults.ts';
import { clusterPath, linkCluster, setAside } from './location.ts';
import { processesIn, signalAll, until } from './processes.ts';

/** The superuser and the database it owns. */
export const SUPERUSER = 'nexus';
export const DATABASE = 'nexus';
const PASSWORD = 'postgres-password';

export interface ClusterContext {
  readonly dataDir: string;
  readonly cluster: string;
  readonly account: Account | undefined;
  readonly binaries: Binaries;
  readonly logFile: string;
  /** No data is kept: nothing waits for the disk. */
  readonly fast: boolean;
  readonly onProgress: ((message: string) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The environment of PostgreSQL's programs: nothing of ours, so that no variable of the person's changes what they do. */
export const PROGRAM_ENV = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' };

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

export function cannotRun(file: string, cause: Error): StartError {
  return new StartError(
    `The embedded PostgreSQL does not run here (${basename(file)}: ${cause.message}): set DATABASE_URL to a PostgreSQL server of your own.`,
    { cause },
  );
}

/** Runs one of PostgreSQL's programs to its end; an abort kills it together with its children. */
async function runProgram(context: ClusterContext, file: string, args: string[], input = ''): Promise<Finished> {
  context.signal?.throwIfAborted();
  const child: ChildProcess = spawn(file, args, {
    ...runAs(context.account),
    env: PROGRAM_ENV,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  const kill = (): void => signalAll(child.pid === undefined ? [] : [-child.pid], 'SIGKILL');
  context.signal?.addEventListener('abort', kill);
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  // It may end without reading what it is given.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (error) => reject(cannotRun(file, error)));
      child.once('close', resolve);
    });
    context.signal?.throwIfAborted();
    return { code, output: Buffer.concat(chunks).toString('utf8') };
  } finally {
    context.signal?.removeEventListener('abort', kill);
  }
}

/** Statements to a database that is not running, through its single-user mode: needs no password and no port. */
async function runOffline(context: ClusterContext, folder: string, statement: string): Promise<void> {
  const args = ['--single', '-F', '-D', folder, '-c', 'log_checkpoints=off', '-c', 'log_min_error_statement=panic'];
  if (!context.fast) args.splice(args.indexOf('-F'), 1);
  const { code, output } = await runProgram(
    context,
    context.binaries.postgres,
    [...args, 'postgres'],
    `${statement};\n`,
  );
  if (code !== 0 || /\b(?:ERROR|FATAL|PANIC):/.test(output)) {
    throw explain('The database could not be prepared', output, folder, context.logFile);
  }
}

/** Removes what an interrupted first start left, and whatever still runs in it. */
async function removeStaging(context: ClusterContext): Promise<void> {
  const parent = dirname(context.cluster);
  const prefix = `${basename(context.cluster)}.init-`;
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    if (!name.startsWith(prefix)) continue;
    const staging = join(realpathSync(parent), name);
    signalAll(processesIn(staging), 'SIGKILL');
    await until(() => processesIn(staging).length === 0, 3000);
    rmSync(staging, { recursive: true, force: true, maxRetries: 3 });
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

/** Makes a new database beside its place and moves it there when it is whole. */
async function createCluster(context: ClusterContext, password: string): Promise<void> {
  const { account, binaries, cluster, fast } = context;
  context.onProgress?.('Preparing the database');
  mkdirSync(dirname(cluster), { recursive: true });
  const staging = mkdtempSync(`${cluster}.init-`);
  const data = join(staging, 'data');
  const passwordFile = join(staging, 'password');
  const outcome = await (async () => {
    writeFileSync(passwordFile, password, { mode: 0o600 });
    if (account) {
      chownSync(staging, account.uid, account.gid);
      chownSync(passwordFile, account.uid, account.gid);
    }
    const { code, output } = await runProgram(context, binaries.initdb, [
      ...['--pgdata', data, '--username', SUPERUSER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
      ...['--text-search-config', 'english', '--no-instructions', ...(fast ? ['--no-sync'] : [])],
    ]);
    if (code !== 0) throw explain('The database could not be created', output, dirname(cluster), context.logFile);
    await runOffline(context, data, `CREATE DATABASE ${DATABASE}`);
    renameSync(data, cluster);
    if (!fast) syncFolder(dirname(cluster));
  })().catch((error: unknown) => ({ error }));
  rmSync(staging, { recursive: true, force: true, maxRetries: 3 });
  if (outcome) throw fileFault(outcome.error, dirname(cluster));
}

function checkUsable({ account, binaries, cluster }: ClusterContext): void {
  const uid = account?.uid ?? process.getuid?.();
  const owner = statSync(cluster).uid;
  if (owner !== uid) {
    throw new StartError(
      `The database files in ${cluster} belong to ${nameOfUser(owner)}: start as that user, or choose another folder with NEXUS_DATA_DIR.`,
    );
  }
  let version: string;
  try {
    version = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      throw new StartError(
        `${cluster} is not a PostgreSQL database (it has no PG_VERSION): move it away or bring its files back.`,
      );
    }
    throw fileFault(error, cluster);
  }
  if (version !== binaries.major) {
    throw new StartError(
      `The database in ${cluster} is of PostgreSQL ${version}, and this is PostgreSQL ${binaries.major}: dump it with the old version and load it into the new one.`,
    );
  }
}

/** A lost password costs no data: the owner of the files may set a new one. */
async function resetPassword(context: ClusterContext): Promise<string> {
  const password = randomSecret();
  await runOffline(context, context.cluster, `ALTER ROLE ${SUPERUSER} PASSWORD '${password}'`);
  writeSecret(context.dataDir, PASSWORD, password);
  return password;
}

/**
 * Makes sure that there is a whole database at its place.
 * @returns the superuser's password
 */
export async function ensureCluster(context: ClusterContext): Promise<string> {
  const { cluster, dataDir } = context;
  const known = readSecret(dataDir, PASSWORD);
  try {
    await removeStaging(context);
    const unlinked = cluster !== clusterPath(dataDir) && !existsSync(clusterPath(dataDir));
    // With the password known, it is this data directory's own and only the link was not made in time.
    if (unlinked && !known) setAside(cluster);
    if (existsSync(cluster)) {
      checkUsable(context);
      const password = known ?? (await resetPassword(context));
      if (unlinked) linkCluster(dataDir, cluster);
      return password;
    }
    const password = known ?? ensureSecret(dataDir, PASSWORD);
    await createCluster(context, password);
    if (unlinked) linkCluster(dataDir, cluster);
    return password;
  } catch (error) {
    throw fileFault(error, cluster);
  }
}
