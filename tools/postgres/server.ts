import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileFault, type StartError } from '../launcher/start-error.mjs';
import { runAs } from './account.ts';
import { type ClusterContext, cannotRun, PROGRAM_ENV } from './cluster.ts';
import { explain, logTail } from './faults.ts';
import { processesIn, signalAll, until } from './processes.ts';

/** Recovery after a crash may rightly take long; a server that says nothing for this long is not coming. */
const READY_MS = 300_000;
const PORT_ATTEMPTS = 5;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '128MB',
  max_connections: '60',
  max_wal_size: '512MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // What people store must not turn up in the log: neither statements nor the values in a message's detail.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

const DURABLE = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' };

const FAST = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_connections: '200',
};

export type StopMode = 'fast' | 'immediate';

/** A running server process. */
export class Server {
  readonly port: number;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #context: ClusterContext;
  readonly #logStart: number;
  readonly #exited: Promise<void>;
  #gone = false;

  constructor(child: ChildProcess, port: number, context: ClusterContext, logStart: number) {
    this.#child = child;
    this.#context = context;
    this.#logStart = logStart;
    this.port = port;
    this.pid = child.pid ?? 0;
    this.#exited = new Promise((resolve) => {
      const end = (): void => {
        this.#gone = true;
        resolve();
      };
      child.once('exit', end);
      child.once('error', end);
    });
  }

  get gone(): boolean {
    return this.#gone;
  }

  get exited(): Promise<void> {
    return this.#exited;
  }

  output(): string {
    return logTail(this.#context.logFile, this.#logStart);
  }

  fault(happened: string): StartError {
    return explain(happened, this.output(), this.#context.cluster, this.#context.logFile);
  }

  /** @returns whether the server accepts connections; false when it ended before that */
  async ready(): Promise<boolean> {
    const status = join(this.#context.cluster, 'postmaster.pid');
    const isReady = (): boolean => {
      try {
        const lines = readFileSync(status, 'utf8').split('\n');
        return Number(lines[0]) === this.pid && lines[7]?.trim() === 'ready';
      } catch {
        return false;
      }
    };
    const aborted = (): boolean => this.#context.signal?.aborted === true;
    await until(() => this.#gone || aborted() || isReady(), READY_MS, 10);
    return !this.#gone && isReady();
  }

  /**
   * Stops the server: at most `ms` for the orderly way, then without a checkpoint, then by force. Whatever it takes,
   * committed data stay.
   */
  async stop(mode: StopMode, ms: number): Promise<void> {
    if (mode === 'fast' && (await this.#signal('SIGINT', ms))) return;
    if (await this.#signal('SIGQUIT', 2000)) return;
    // A killed main process cannot take its workers along.
    signalAll([...processesIn(this.#context.cluster), this.pid], 'SIGKILL');
    await this.#exited;
  }

  async #signal(signal: NodeJS.Signals, ms: number): Promise<boolean> {
    if (!this.#gone) this.#child.kill(signal);
    return until(() => this.#gone, ms, 10);
  }
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function launch(context: ClusterContext, port: number): Server {
  const { account, binaries, cluster, fast, logFile } = context;
  const settings = { ...SETTINGS, ...(fast ? FAST : DURABLE), port: `${port}` };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  let log: number;
  try {
    log = openSync(logFile, 'a', 0o600);
  } catch (error) {
    throw fileFault(error, logFile);
  }
  const logStart = statSync(logFile).size;
  try {
    const child = spawn(binaries.postgres, ['-D', cluster, ...args], {
      ...runAs(account),
      env: PROGRAM_ENV,
      // Its own session: a terminal's Ctrl-C is for us, who stop the application first.
      detached: true,
      stdio: ['ignore', log, log],
    });
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    if (child.pid === undefined) throw cannotRun(binaries.postgres, failure ?? new Error('no such program'));
    return new Server(child, port, context, logStart);
  } finally {
    closeSync(log);
  }
}

/**
 * Starts the server and waits until it accepts connections.
 * @param onSpawn called as soon as there is a process, which may be several times
 * @throws StartError
 */
export async function startServer(
  context: ClusterContext,
  port: number | undefined,
  onSpawn: (server: Server) => { release(): void },
): Promise<{ server: Server; lifeline: { release(): void } }> {
  for (let attempt = 1; ; attempt += 1) {
    const server = launch(context, port ?? (await freePort()));
    const lifeline = onSpawn(server);
    if (await server.ready()) return { server, lifeline };
    const wasGone = server.gone;
    await server.stop('immediate', 0);
    lifeline.release();
    context.signal?.throwIfAborted();
    // Between our look and its own, another program may have taken the port.
    const portTaken = wasGone && /could not bind|could not create any TCP\/IP sockets/.test(server.output());
    if (!portTaken || port !== undefined || attempt === PORT_ATTEMPTS) throw server.fault('PostgreSQL did not start');
  }
}
