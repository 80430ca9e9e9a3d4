import { type ChildProcess, spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { signalAll, until } from '../postgres/processes.ts';
import { StartError } from './start-error.mjs';

/** What the application says when it accepts requests. */
export interface Ready {
  readonly type: 'ready';
  readonly url: string;
  readonly management_url?: string;
  readonly admin?: { readonly email: string; readonly created: boolean };
}

export interface AppOptions {
  readonly root: string;
  /** The script to run, and its arguments. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where its log records go: a file descriptor, or a stream that shows them. */
  readonly log: number | Writable;
  readonly logFile: string | undefined;
  /** Where what it says on stderr goes while it runs, when not into the log. */
  readonly errors: NodeJS.WritableStream | undefined;
  /** Held by the application so that the database outlives it. */
  readonly lifeline: Writable | undefined;
  readonly onProgress: (message: string) => void;
}

/** Beyond this, what it says while it starts is not one sentence, and goes to the log. */
const SENTENCE_CHARS = 600;
const LAST_WORDS_MS = 500;
const KEPT_CHARS = 64 * 1024;

function isMessage(value: unknown): value is { type: string; message?: unknown; url?: unknown } {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** What Node itself remarks on is no answer to why the application ended. */
function withoutNodeWarnings(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\(node:\d+\) |^\(Use `node --trace-/.test(line))
    .join('\n')
    .trim();
}

/** What the launcher starts, watches and stops. */
export interface Application {
  /** Of the processes that run. */
  readonly pids: readonly number[];
  /** Resolves when it, or a part of it, has ended. */
  readonly exited: Promise<void>;
  /** How it ended, for a sentence. */
  readonly ending: string;
  /** Waits until it accepts requests. @throws StartError with the sentence that it gave when it ended instead */
  ready(): Promise<Ready>;
  /** Asks it to finish what it is doing, and ends it when that takes longer than `ms` or the person is in a hurry. */
  stop(ms: number, urgent: AbortSignal): Promise<void>;
}

/** One process, watched over its IPC channel. */
export class AppProcess implements Application {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #options: AppOptions;
  readonly #exited: Promise<void>;
  #spawnError: Error | undefined;
  #said = '';
  #ready = false;
  #gone = false;

  constructor(options: AppOptions) {
    this.#options = options;
    const { root, entry, args, env, log, lifeline } = options;
    // What it stores is nobody else's, wherever the data directory lies.
    const umask = process.umask(0o077);
    try {
      this.#child = spawn(process.execPath, ['--enable-source-maps', entry, ...args], {
        cwd: root,
        env: {
          ...env,
          NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'node-compile'),
        },
        // Its own session: a terminal's Ctrl-C is for the launcher, which stops things in order.
        detached: true,
        stdio: ['ignore', typeof log === 'number' ? log : 'pipe', 'pipe', 'ipc', ...(lifeline ? [lifeline] : [])],
      });
    } finally {
      process.umask(umask);
    }
    this.pid = this.#child.pid ?? 0;
    this.#exited = new Promise<void>((resolve) => {
      this.#child.once('error', (error) => {
        this.#spawnError = error;
        if (this.#child.pid === undefined) resolve();
      });
      this.#child.once('close', () => resolve());
      // Its last words come after its exit; a process that it left behind may keep the pipe open for ever.
      this.#child.once('exit', () => setTimeout(resolve, LAST_WORDS_MS));
    }).then(() => {
      this.#gone = true;
    });
    if (typeof log !== 'number') this.#child.stdout?.pipe(log, { end: false });
    if (this.#child.stderr) this.#listen(this.#child.stderr);
  }

  #listen(stderr: Readable): void {
    stderr.setEncoding('utf8');
    stderr.on('data', (text: string) => {
      if (this.#ready) this.#toLog(text);
      else if (this.#said.length < KEPT_CHARS) this.#said += text;
    });
  }

  /** A full disk must not take the launcher down with it. */
  #toLog(text: string): void {
    const { log, errors } = this.#options;
    try {
      if (errors) errors.write(text);
      else if (typeof log === 'number' && text !== '') writeSync(log, text);
    } catch {
      // There is nowhere left to say it.
    }
  }

  get pids(): readonly number[] {
    return this.#gone || this.pid === 0 ? [] : [this.pid];
  }

  get args(): readonly string[] {
    return this.#options.args;
  }

  get exited(): Promise<void> {
    return this.#exited;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** How it ended, for a sentence. */
  get ending(): string {
    const { exitCode, signalCode } = this.#child;
    if (this.#spawnError && exitCode === null && signalCode === null) return this.#spawnError.message;
    return signalCode ? `signal ${signalCode}` : `code ${exitCode}`;
  }

  /**
   * Waits until it accepts requests.
   * @throws StartError with the sentence that it gave when it ended instead
   */
  async ready(): Promise<Ready> {
    const ready = await new Promise<Ready | undefined>((resolve) => {
      this.#child.on('message', (message: unknown) => {
        if (!isMessage(message)) return;
        if (message.type === 'progress' && typeof message.message === 'string')
          this.#options.onProgress(message.message);
        if (message.type === 'ready' && typeof message.url === 'string') resolve(message as unknown as Ready);
      });
      void this.#exited.then(() => resolve(undefined));
    });
    if (!ready) throw this.#startFault();
    this.#ready = true;
    this.#toLog(this.#said);
    this.#said = '';
    return ready;
  }

  /** For a process that has done its work and ended. @throws StartError with its sentence when it failed */
  assertSucceeded(): void {
    if (this.#child.exitCode !== 0) throw this.#startFault();
  }

  #startFault(): StartError {
    const said = withoutNodeWarnings(this.#said);
    if (said !== '' && !said.includes('\n') && said.length <= SENTENCE_CHARS) return new StartError(said);
    const { errors, logFile } = this.#options;
    this.#toLog(this.#said);
    const place = errors ? 'what it said is above' : `its log is ${logFile}`;
    return new StartError(`Nexus ended while it was starting (${this.ending}); ${place}.`);
  }

  /** Asks it to finish what it is doing, and ends it when that takes longer than `ms` or the person is in a hurry. */
  async stop(ms: number, urgent: AbortSignal): Promise<void> {
    if (this.#gone || this.pid === 0) return;
    this.#child.kill('SIGTERM');
    await until(() => this.#gone || urgent.aborted, ms, 10);
    if (this.#gone) return;
    signalAll([-this.pid, this.pid], 'SIGKILL');
    await this.#exited;
  }
}

/** The application as it is built. */
export function builtEntry(root: string): string {
  return join(root, 'dist', 'apps', 'main.js');
}

/** The root of the checkout this file is in. */
export const CHECKOUT = dirname(dirname(import.meta.dirname));
