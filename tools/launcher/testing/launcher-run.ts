import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { processesIn, until } from '../../postgres/processes.ts';
import { freePort } from '../../test/free-ports.ts';
import { type LockRecord, parseRecord } from '../file-lock.mjs';

/** Generous, because a busy machine takes its time; nothing waits for it when all is well. */
export const PATIENCE_MS = 60_000;

/** What the stand-in application answers. */
export interface Answer {
  readonly pid: number;
  readonly starts: number;
  readonly admin: { readonly email: string; readonly password: string };
  readonly umask: number;
  readonly env: Record<string, string | undefined>;
  readonly args: string[];
}

/** One run of the launcher around the stand-in application, as a process of its own. */
export class LauncherRun {
  readonly dataDir: string;
  readonly port: number;
  readonly child: ChildProcess;
  out = '';
  err = '';
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;

  constructor(dataDir: string, port: number, managementPort: number, options: RunOptions = {}) {
    this.dataDir = dataDir;
    this.port = port;
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(?:NEXUS_|ADMIN_|DATABASE_)|^NODE_OPTIONS$/.test(name),
    );
    this.child = spawn(process.execPath, [join(import.meta.dirname, options.script ?? 'start-fake.ts')], {
      env: {
        ...Object.fromEntries(inherited),
        NEXUS_DATA_DIR: dataDir,
        PORT: `${port}`,
        MANAGEMENT_PORT: `${managementPort}`,
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.account ?? {}),
    });
    this.child.stdout?.on('data', (text) => {
      this.out += text;
    });
    this.child.stderr?.on('data', (text) => {
      this.err += text;
    });
    this.child.once('close', (code, signal) => {
      this.#exit = { code, signal };
    });
  }

  /** A run on ports that were free a moment ago. */
  static async start(dataDir: string, options: RunOptions = {}): Promise<LauncherRun> {
    return new LauncherRun(
      dataDir,
      options.port ?? (await freePort()),
      options.managementPort ?? (await freePort()),
      options,
    );
  }

  /** The same, waited for until the banner is there. */
  static async running(dataDir: string, options: RunOptions = {}): Promise<LauncherRun> {
    const run = await LauncherRun.start(dataDir, options);
    await run.banner();
    return run;
  }

  async banner(): Promise<void> {
    await until(() => this.out.includes('Ctrl-C stops.') || this.#exit !== undefined, PATIENCE_MS);
    if (!this.out.includes('Ctrl-C stops.')) throw new Error(`No banner:\n${this.out}\n${this.err}`);
  }

  /** A line of the banner. */
  row(name: string): string | undefined {
    return new RegExp(`^  ${name} +(.*)$`, 'm').exec(this.out)?.[1];
  }

  async ask(path = '/'): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`);
    return (await response.json()) as Answer;
  }

  async exited(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (!(await until(() => this.#exit !== undefined, PATIENCE_MS))) throw new Error('The launcher did not end');
    return this.#exit ?? { code: null, signal: null };
  }

  /** Ctrl-C, and how long it took, in milliseconds. */
  async stop(): Promise<number> {
    const started = Date.now();
    this.child.kill('SIGINT');
    await this.exited();
    return Date.now() - started;
  }

  /** What it has written into its lock. */
  lock(): LockRecord | undefined {
    return parseRecord(readFileSync(join(this.dataDir, 'launcher.lock'), 'utf8'));
  }

  database(): number[] {
    return processesIn(join(this.dataDir, 'postgres'));
  }

  async databaseGone(): Promise<boolean> {
    return until(() => this.database().length === 0, PATIENCE_MS);
  }
}

export interface RunOptions {
  /** Beside this file; around the stand-in for one process by default. */
  readonly script?: string;
  readonly port?: number;
  readonly managementPort?: number;
  readonly env?: Record<string, string>;
  readonly account?: { uid: number; gid: number };
}
