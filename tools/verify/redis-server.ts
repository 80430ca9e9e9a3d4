/** Real Redis servers for suites that need one: found or installed, started on free ports, stopped with their data. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../test/free-ports.ts';
import { aptInstall, programOnPath } from './programs.ts';

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;

const found = (): string | undefined => programOnPath('redis-server', '/usr/bin', '/usr/local/bin');

/** The `redis-server` of this machine; on Debian and Ubuntu it is installed when that is allowed (root). */
export function findRedis(): string | undefined {
  return found() ?? (aptInstall('redis-server') ? found() : undefined);
}

export interface RedisServer {
  readonly port: number;
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  /** Keeps it from doing anything, connections open (SIGSTOP), and lets it go on. */
  freeze(): void;
  thaw(): void;
  /** Runs `redis-cli` against the server and answers what it printed. */
  cli(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts a server without persistence on 127.0.0.1 and waits until it answers.
 * @param options `port` of one that was stopped, for another one in its place
 */
export async function startRedis(
  binary: string,
  options: { cluster?: boolean; port?: number } = {},
): Promise<RedisServer> {
  const [freePort, busPort] = await freePorts(2);
  const port = options.port ?? (freePort as number);
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-redis-'));
  const server = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  const cluster = ['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`, '--cluster-config-file', 'nodes.conf'];
  const child = spawn(binary, [...server, ...(options.cluster ? cluster : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await answering(child);
  const cli = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(path.join(path.dirname(binary), 'redis-cli'), [
      '-p',
      `${port}`,
      ...args,
    ]);
    return stdout.trim();
  };
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const freeze = () => void child.kill('SIGSTOP');
  const thaw = () => void child.kill('SIGCONT');
  return { port, url: `redis://127.0.0.1:${port}`, freeze, thaw, cli, stop };
}

async function answering(child: ChildProcess): Promise<void> {
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => {
      child.kill('SIGKILL');
      reject(new Error(`redis-server ${why}:\n${log}`));
    };
    const deadline = setTimeout(() => fail('was not ready in time'), START_TIMEOUT_MS);
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk;
      if (!log.includes('Ready to accept connections')) return;
      clearTimeout(deadline);
      resolve();
    });
    child.once('exit', (code) => {
      clearTimeout(deadline);
      fail(`ended with exit code ${code}`);
    });
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  // One that is frozen ends once it goes on.
  child.kill('SIGCONT');
  await once(child, 'exit');
  clearTimeout(force);
}

/** Three masters that share the slots; the caller stops each. Leaves none behind when they do not come together. */
export async function startRedisCluster(binary: string): Promise<RedisServer[]> {
  const nodes: RedisServer[] = [];
  try {
    while (nodes.length < 3) nodes.push(await startRedis(binary, { cluster: true }));
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await nodes[0]?.cli('--cluster', 'create', ...addresses, '--cluster-yes');
    await Promise.all(nodes.map(knowsTheWholeCluster));
    return nodes;
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
}

async function knowsTheWholeCluster({ cli }: RedisServer): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await cli('cluster', 'info')).includes('cluster_state:ok')) {
    if (performance.now() > deadline) throw new Error('the cluster did not form in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
