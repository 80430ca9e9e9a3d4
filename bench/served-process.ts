import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import type { Cores } from './machine.ts';
import { pause } from './machine.ts';

const READY_DEADLINE_MS = 60_000;
const READY_POLL_MS = 50;
const STOP_DEADLINE_MS = 15_000;
const LOG_TAIL_CHARS = 4_000;

export const HOST = '127.0.0.1';

export interface ServedProcessOptions {
  /** Arguments of node: the file and what follows. */
  args: string[];
  env: Record<string, string>;
  port: number;
  /** Answers 200 once the process serves. */
  readyPath: string;
  /** Standard output and error go to this file, as they would to a collector. */
  logFile: string;
  cores: Cores | undefined;
}

/** A server under test in a process of its own, alone on its core where cores can be chosen. */
export class ServedProcess {
  readonly port: number;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #log: number;
  readonly #logFile: string;
  #exit: string | undefined;

  private constructor(child: ChildProcess, pid: number, log: number, options: ServedProcessOptions) {
    this.#child = child;
    this.pid = pid;
    this.port = options.port;
    this.#log = log;
    this.#logFile = options.logFile;
    child.on('exit', (code, signal) => {
      this.#exit = `exit code ${code ?? signal}`;
    });
  }

  /** Starts the process and waits until it serves. @throws with the end of its output when it does not */
  static async start(options: ServedProcessOptions): Promise<ServedProcess> {
    const log = openSync(options.logFile, 'a');
    const pinned = options.cores === undefined ? [] : ['taskset', '-c', String(options.cores.subject)];
    const [command, ...args] = [...pinned, process.execPath, ...options.args];
    // taskset replaces itself by node, so the child's pid is node's.
    const child = spawn(command as string, args, { env: childEnv(options.env), stdio: ['ignore', log, log] });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    const served = new ServedProcess(child, child.pid as number, log, options);
    await served.#untilReady(options.readyPath);
    return served;
  }

  get origin(): string {
    return `http://${HOST}:${this.port}`;
  }

  /** @throws when the process has ended */
  assertRunning(): void {
    if (this.#exit !== undefined)
      throw new Error(`a process under test ended early (${this.#exit})\n${this.logTail()}`);
  }

  /** Forgets the output so far, so that a long run does not fill the disk. */
  truncateLog(): void {
    ftruncateSync(this.#log);
  }

  logTail(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-LOG_TAIL_CHARS);
  }

  /** SIGTERM, and SIGKILL when the process has not ended after 15 s. */
  async stop(): Promise<void> {
    await endChild(this.#child);
    closeSync(this.#log);
  }

  async #untilReady(path: string): Promise<void> {
    const deadline = performance.now() + READY_DEADLINE_MS;
    for (;;) {
      this.assertRunning();
      try {
        const response = await fetch(`${this.origin}${path}`, { signal: AbortSignal.timeout(2_000) });
        await response.arrayBuffer();
        if (response.status === 200) return;
      } catch {
        // Not listening yet: the deadline below decides.
      }
      if (performance.now() > deadline) {
        await this.stop();
        throw new Error(`a process under test was not ready after ${READY_DEADLINE_MS / 1000} s\n${this.logTail()}`);
      }
      await pause(READY_POLL_MS);
    }
  }
}

/** SIGTERM, and SIGKILL when the child has not ended after 15 s. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await ended;
  clearTimeout(deadline);
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** Nothing of the caller's environment but what a process needs to run: settings there must not change the result. */
export function childEnv(env: Record<string, string>): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'LANG']) {
    const value = process.env[name];
    if (value !== undefined) inherited[name] = value;
  }
  return { ...inherited, NODE_ENV: 'production', ...env };
}
