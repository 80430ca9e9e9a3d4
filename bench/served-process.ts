import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { freePort } from '../tools/test/free-ports.ts';
import type { Cores } from './machine.ts';
import { pause } from './machine.ts';

const READY_DEADLINE_MS = 60_000;
const READY_POLL_MS = 50;
const STOP_DEADLINE_MS = 15_000;
const LOG_TAIL_CHARS = 4_000;

export const HOST = '127.0.0.1';

/** What a sample is taken of: one process, or several that answer together. */
export interface Subject {
  /** Where the requests go. */
  readonly port: number;
  /** Whose CPU time counts. */
  readonly pids: readonly number[];
  /** @throws when one of the processes has ended */
  assertRunning(): void;
  /** Forgets the output so far, so that a long run does not fill the disk. */
  truncateLog(): void;
}

export interface ServedProcessOptions {
  /** What to run; Node by default. */
  command?: string;
  /** Arguments of the command. */
  args: string[];
  env: Record<string, string>;
  port: number;
  /** Answers 200 once the process serves. */
  readyPath: string;
  /** Where that is asked, when it is not the port itself. */
  readyPort?: number;
  /** Standard output and error go to this file, as they would to a collector. */
  logFile: string;
  /** Absent: beside the load generator, for what is not measured. */
  cores: Cores | undefined;
  /** Has Node take CPU profiles when it is asked to. */
  inspect?: boolean;
}

/** A server under test in a process of its own, alone on its core where cores can be chosen. */
export class ServedProcess implements Subject {
  readonly port: number;
  readonly pid: number;
  readonly pids: readonly number[];
  /** Where Node's inspector listens, when it was asked for. */
  readonly inspectPort: number | undefined;
  readonly #child: ChildProcess;
  readonly #log: number;
  readonly #logFile: string;
  #exit: string | undefined;
  #isStopped = false;

  private constructor(child: ChildProcess, log: number, options: ServedProcessOptions, inspectPort?: number) {
    this.#child = child;
    this.pid = child.pid as number;
    this.pids = [this.pid];
    this.inspectPort = inspectPort;
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
    const inspectPort = options.inspect === true ? await freePort() : undefined;
    const inspect = inspectPort === undefined ? [] : [`--inspect=${HOST}:${inspectPort}`];
    const [command, ...args] = [...pinned, options.command ?? process.execPath, ...inspect, ...options.args];
    // taskset replaces itself by the command, so the child's pid is the server's.
    const child = spawn(command as string, args, { env: childEnv(options.env), stdio: ['ignore', log, log] });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    const served = new ServedProcess(child, log, options, inspectPort);
    await served.#untilReady(`http://${HOST}:${options.readyPort ?? options.port}${options.readyPath}`);
    return served;
  }

  get origin(): string {
    return `http://${HOST}:${this.port}`;
  }

  assertRunning(): void {
    if (this.#exit !== undefined)
      throw new Error(`a process under test ended early (${this.#exit})\n${this.logTail()}`);
  }

  truncateLog(): void {
    ftruncateSync(this.#log);
  }

  logTail(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-LOG_TAIL_CHARS);
  }

  /** SIGTERM, and SIGKILL when the process has not ended after 15 s. */
  async stop(): Promise<void> {
    await endChild(this.#child);
    if (this.#isStopped) return;
    this.#isStopped = true;
    closeSync(this.#log);
  }

  async #untilReady(url: string): Promise<void> {
    const deadline = performance.now() + READY_DEADLINE_MS;
    for (;;) {
      this.assertRunning();
      try {
        const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
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

/** Several processes that answer together: the first one is asked. */
export function together(first: ServedProcess, ...others: ServedProcess[]): Subject {
  const all = [first, ...others];
  return {
    port: first.port,
    pids: all.map(({ pid }) => pid),
    assertRunning: () => {
      for (const served of all) served.assertRunning();
    },
    truncateLog: () => {
      for (const served of all) served.truncateLog();
    },
  };
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

/** Nothing of the caller's environment but what a process needs to run: settings there must not change the result. */
export function childEnv(env: Record<string, string>): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'LANG']) {
    const value = process.env[name];
    if (value !== undefined) inherited[name] = value;
  }
  return { ...inherited, NODE_ENV: 'production', ...env };
}
