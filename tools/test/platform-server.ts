import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, freeRange } from './free-ports.ts';
import { familyOf, stillRunning } from './process-tree.ts';
import type { StepContext } from './run-steps.ts';
import { endAll } from './step-process.ts';

const START_MS = 120_000;
/** The launcher promises to be gone within 10 s. */
const STOP_MS = 11_000;
const KEPT_CHARS = 16 * 1024;

/** What of the environment is the machine's and not a setting of the platform's, which are left at their defaults. */
const MACHINE =
  /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|TEMP|TMP|SHELL|TERM|NODE_COMPILE_CACHE|NODE_EXTRA_CA_CERTS)$/;

/** A running platform, as the acceptance suite is told of it. */
export interface ServerUnderTest {
  readonly env: Readonly<Record<string, string>>;
  /** @throws Error unless it ends cleanly and leaves no process behind */
  stop(context: Pick<StepContext, 'print'>): Promise<void>;
}

function machineEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => MACHINE.test(name)));
}

async function isReady(managementUrl: string): Promise<boolean> {
  try {
    return (await fetch(`${managementUrl}/health/ready`)).ok;
  } catch {
    return false;
  }
}

/** The launcher, what it says, and when it is over. */
class Launcher {
  readonly child: ChildProcess;
  said = '';
  readonly exited: Promise<void>;

  constructor(root: string, env: NodeJS.ProcessEnv, args: readonly string[]) {
    // With a channel: if this process is killed, the launcher notices and stops everything.
    this.child = spawn(process.execPath, [path.join(root, 'tools/launcher/main.ts'), ...args], {
      cwd: root,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said = (this.said + text).slice(-KEPT_CHARS);
      });
    }
    this.exited = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', (error) => {
        this.said += error.message;
        resolve();
      });
    });
  }

  get gone(): boolean {
    return this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get ending(): string {
    return this.child.signalCode ?? `code ${this.child.exitCode}`;
  }
}

/** Where the database lies: not below the data directory when its account could not enter it there. */
function databaseDir(dataDir: string): string {
  try {
    return realpathSync(path.join(dataDir, 'postgres'));
  } catch {
    return path.join(dataDir, 'postgres');
  }
}

function lastLog(dataDir: string): string {
  try {
    return readFileSync(path.join(dataDir, 'logs/nexus.log'), 'utf8').split('\n').slice(-20).join('\n');
  } catch {
    return '';
  }
}

const SERVICES = ['AUTH', 'USER', 'PROJECT', 'FILE', 'NOTIFICATION'];

/** How a platform is started. */
export interface ServerOptions {
  readonly split?: boolean;
  readonly redisUrl?: string | undefined;
  /** Its data, which are left as they are when it stops; an empty directory of its own unless given. */
  readonly dataDir?: string;
  /** Of the first administrator, whom only the first start on some data makes; a new one unless given. */
  readonly adminPassword?: string;
}

export function newPassword(): string {
  return `Lantern-${randomBytes(9).toString('base64url')}`;
}

/** A new directory that the account of the database, where it is another one, can enter, too. */
export function newDataDir(): string {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'nexus-test-'));
  chmodSync(dataDir, 0o711);
  return dataDir;
}

/** Removes a data directory and the database that may lie outside of it. */
export function removeDataDir(dataDir: string): void {
  const database = databaseDir(dataDir);
  for (const folder of [dataDir, database]) rmSync(folder, { recursive: true, force: true });
  // Beside a database outside of its data directory lies a file that names the directory.
  rmSync(`${database}.data-dir`, { force: true });
}

/**
 * Starts the platform through its launcher, as one process or as six: on free ports, on an empty data directory unless one
 * is given, and with nothing set but what the acceptance suite asks for (test/acceptance/README.md), and a Redis where one is
 * given.
 * @throws Error when it is not ready in time, or the step is to end; nothing is left running
 */
export async function startPlatform(
  root: string,
  { signal, print }: StepContext,
  { split = false, redisUrl, dataDir: givenDir, adminPassword = newPassword() }: ServerOptions = {},
): Promise<ServerUnderTest> {
  const dataDir = givenDir ?? newDataDir();
  // The management ports of the services follow that of the edge.
  const managementPorts = split ? SERVICES.length + 1 : 1;
  const managementPort = await freeRange(managementPorts);
  const [port, ...servicePorts] = await freePorts(SERVICES.length + 1);
  const adminEmail = 'admin@example.test';
  const env = {
    ...machineEnv(),
    NEXUS_DATA_DIR: dataDir,
    PORT: String(port),
    MANAGEMENT_PORT: String(managementPort),
    ADMIN_EMAIL: adminEmail,
    ADMIN_PASSWORD: adminPassword,
    TRUSTED_PROXIES: '127.0.0.1',
    CORS_ORIGINS: 'https://app.example.test',
    // Everything shares one machine here: what a Redis that is late does to limits is proven elsewhere.
    ...(redisUrl ? { REDIS_URL: redisUrl, REDIS_DEADLINE_MS: '1000' } : {}),
    ...(split ? Object.fromEntries(SERVICES.map((name, i) => [`NEXUS_${name}_PORT`, String(servicePorts[i])])) : {}),
  };
  const launcher = new Launcher(root, env, split ? ['--split'] : []);
  const managementUrls = Array.from({ length: managementPorts }, (_, i) => `http://127.0.0.1:${managementPort + i}`);
  const server = {
    env: {
      NEXUS_BASE_URL: `http://127.0.0.1:${port}`,
      NEXUS_MANAGEMENT_URL: managementUrls.join(','),
      NEXUS_ADMIN_EMAIL: adminEmail,
      NEXUS_ADMIN_PASSWORD: adminPassword,
    },
    async stop(context: Pick<StepContext, 'print'>) {
      try {
        await stopPlatform(launcher, dataDir, context.print);
      } finally {
        if (givenDir === undefined) removeDataDir(dataDir);
      }
    },
  };
  const deadline = Date.now() + START_MS;
  while (!launcher.gone && !signal.aborted && Date.now() < deadline) {
    if ((await Promise.all(managementUrls.map(isReady))).every(Boolean)) return server;
    await sleep(50);
  }
  const how = launcher.gone ? `ended with ${launcher.ending}` : `was not ready within ${START_MS / 1000} s`;
  if (!signal.aborted) tell(launcher, dataDir, print);
  await server.stop({ print: () => undefined }).catch(() => undefined);
  throw new Error(signal.aborted ? 'ended while it started' : `the platform ${how}`);
}

function tell(launcher: Launcher, dataDir: string, print: (line: string) => void): void {
  // The launcher last: it says in a sentence what went wrong.
  for (const line of `${lastLog(dataDir)}\n${launcher.said}`.split('\n')) print(line);
}

async function stopPlatform(launcher: Launcher, dataDir: string, print: (line: string) => void): Promise<void> {
  const family = launcher.gone ? [] : familyOf(launcher.child.pid ?? 0);
  const endedBefore = launcher.gone ? launcher.ending : undefined;
  try {
    if (endedBefore !== undefined)
      throw new Error(`the platform had ended before it was asked to, with ${endedBefore}`);
    launcher.child.kill('SIGTERM');
    await Promise.race([launcher.exited, sleep(STOP_MS, undefined, { ref: false })]);
    if (!launcher.gone) throw new Error(`the platform did not stop within ${STOP_MS / 1000} s`);
    if (launcher.ending !== 'code 0') throw new Error(`the platform stopped with ${launcher.ending}`);
    const left = stillRunning(family);
    if (left.length > 0)
      throw new Error(`the platform left behind ${left.map(({ name, pid }) => `${name} (${pid})`).join(', ')}`);
  } catch (error) {
    tell(launcher, dataDir, print);
    throw error;
  } finally {
    await endAll(stillRunning(family), 0);
  }
}
