import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { codeOf, fileFault, StartError } from '../launcher/start-error.mjs';
import { chooseAccount, nameOfUser } from './account.ts';
import { locateBinaries } from './binaries.ts';
import { type ClusterContext, DATABASE, ensureCluster, SUPERUSER } from './cluster.ts';
import { Lifeline } from './lifeline.ts';
import { followCluster, ownerFile, resolveCluster } from './location.ts';
import { isTaken, processesIn, stopOrphans } from './processes.ts';
import { type Server, type StopMode, startServer } from './server.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
/** How long an orderly stop may take before the server is stopped without a checkpoint. */
const STOP_MS = 5000;

export interface PostgresOptions {
  /** The Nexus data directory; made when it is missing. The caller holds its lock: nobody else may start it too. */
  readonly dataDir: string;
  /** Where the server's log goes; `logs/postgres.log` in the data directory unless given. */
  readonly log?: string;
  /** A free one is chosen unless given. */
  readonly port?: number;
  /** For tests: nothing waits for the disk, and a crash of the machine loses everything. */
  readonly fast?: boolean;
  /** When this process is killed, remove the data directory as well (tests). */
  readonly temporary?: boolean;
  /** Told of each step that may take long. */
  readonly onProgress?: (message: string) => void;
  /** Gives up the start; the promise then rejects with its reason and nothing is left running. */
  readonly signal?: AbortSignal;
  /** The checkout; the one this file is in unless given. */
  readonly root?: string;
  /** Where root puts what PostgreSQL could not reach in the checkout; `/var/lib/nexus` unless given. */
  readonly centralDir?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Postgres {
  /** Connects as the superuser, who owns the database. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Where the database's files are: in the data directory, or elsewhere if PostgreSQL could not enter that. */
  readonly dataDir: string;
  /** Hand this to a process that must be gone before the database may be stopped for want of its owner. */
  readonly lifeline: Writable;
  /** Stops it; at most `ms` (5 s) pass until the fast way gives up. */
  stop(mode?: StopMode, ms?: number): Promise<void>;
  /** Called with one sentence when the server ends without having been asked to. */
  onExit(listener: (fault: StartError) => void): void;
}

function prepareLog(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > LOG_LIMIT_BYTES) renameSync(path, `${path}.1`);
  } catch (error) {
    throw fileFault(error, path);
  }
}

/** The number in postmaster.pid, whatever process that is by now. */
function recordedPid(cluster: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(cluster, 'postmaster.pid'), 'utf8'), 10);
    return Number.isInteger(pid) && pid > 0 ? pid : 0;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw fileFault(error, cluster);
  }
}

/**
 * Leaves the folder free for a start. PostgreSQL itself copes with a postmaster.pid whose number is free; it gives up on an
 * empty one, and on a number that another program has got since or that a killed process still blocks.
 */
async function clearOrphans(cluster: string): Promise<void> {
  if (!existsSync(cluster)) return;
  const real = realpathSync(cluster);
  const pid = recordedPid(real);
  await stopOrphans(real, pid);
  if (processesIn(real).length > 0) {
    throw new StartError(
      `An earlier PostgreSQL still runs on ${cluster} and could not be stopped: stop it (process ${pid}).`,
    );
  }
  const left = recordedPid(real);
  if (left === 0 || (left !== undefined && isTaken(left))) {
    rmSync(join(real, 'postmaster.pid'), { force: true });
  }
}

/**
 * Makes the data directory when it is missing. Root's lets others pass through, because PostgreSQL runs as another account;
 * what must stay private in it has a folder of its own that is closed.
 */
export function createDataDir(dataDir: string): void {
  let owner: number | undefined;
  try {
    owner = statSync(dataDir, { throwIfNoEntry: false })?.uid;
    if (owner === undefined) {
      mkdirSync(dirname(dataDir), { recursive: true });
      mkdirSync(dataDir);
      chmodSync(dataDir, process.getuid?.() === 0 ? 0o711 : 0o700);
    }
    readdirSync(dataDir);
    accessSync(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EACCES' && owner !== undefined && owner !== process.getuid?.()) {
      throw new StartError(
        `${dataDir} belongs to ${nameOfUser(owner)}, and this user may not use it: start as that user, or choose another folder with NEXUS_DATA_DIR.`,
      );
    }
    const fault = fileFault(error, dataDir);
    throw fault instanceof StartError
      ? fault
      : new StartError(`${dataDir} cannot be made (${code}).`, { cause: error });
  }
}

function handle(server: Server, cluster: string, password: string, lifeline: Lifeline): Postgres {
  let asked = false;
  return {
    url: `postgres://${SUPERUSER}:${password}@127.0.0.1:${server.port}/${DATABASE}`,
    port: server.port,
    pid: server.pid,
    dataDir: cluster,
    lifeline: lifeline.held,
    async stop(mode = 'fast', ms = STOP_MS) {
      asked = true;
      await server.stop(mode, ms);
      lifeline.release();
    },
    onExit(listener) {
      void server.exited.then(() => {
        if (asked) return;
        lifeline.release();
        listener(server.fault('PostgreSQL stopped unexpectedly'));
      });
    },
  };
}

/**
 * Starts the PostgreSQL of the npm packages on the database of a data directory, which is created when there is none. As
 * root it runs as another account. A server that an earlier process left running there is stopped first.
 * @throws StartError with one sentence on what stands in the way
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  if (process.platform !== 'linux') {
    throw new StartError(
      `There is no embedded PostgreSQL for ${process.platform}: set DATABASE_URL to a PostgreSQL server of your own.`,
    );
  }
  const { dataDir, fast = false, onProgress, signal, root = ROOT, centralDir = '/var/lib/nexus' } = options;
  const logFile = options.log ?? join(dataDir, 'logs', 'postgres.log');
  createDataDir(dataDir);
  prepareLog(logFile);
  const account = chooseAccount(followCluster(dataDir), root, options.env ?? process.env);
  const cluster = resolveCluster(dataDir, account, centralDir);
  const binaries = locateBinaries({ modulesDir: join(root, 'node_modules'), dataDir, centralDir, account, onProgress });
  const context: ClusterContext = { dataDir, cluster, account, binaries, logFile, fast, onProgress, signal };
  onProgress?.('Starting PostgreSQL');
  await clearOrphans(cluster);
  const password = await ensureCluster(context);
  onProgress?.('Starting PostgreSQL');
  const temporary = options.temporary ? [dataDir, cluster, ownerFile(cluster)] : [];
  const { server, lifeline } = await startServer(context, options.port, ({ pid }) => new Lifeline(pid, temporary));
  return handle(server, cluster, password, lifeline as Lifeline);
}
