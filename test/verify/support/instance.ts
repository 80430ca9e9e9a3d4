import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { PATIENCE_MS, until } from './conditions.js';

const main = resolve(import.meta.dirname, '../../../dist/apps/main.js');
const KEPT_CHARS = 32 * 1024;

/** What a child takes over from this process: nothing that could be a setting of the platform. */
function machineEnv(): Record<string, string> {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  return { PATH: PATH ?? '', ...(NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE } : {}) };
}

/** What a ready process says of itself. */
export interface Readiness {
  readonly status: number;
  /** Services that it cannot reach. */
  readonly missing: readonly string[];
}

/** One process of the built platform, on the same ports whenever it is started. */
export class Instance {
  private child: ChildProcess | undefined;
  private said = '';
  /** How long each orderly stop took, in ms. */
  readonly stops: number[] = [];

  constructor(
    /** `gateway`, or several: `gateway,auth`. */
    readonly targets: string,
    private readonly env: Readonly<Record<string, string>>,
    /** Of clients, for a gateway. */
    readonly port: number,
    readonly managementPort: number,
    /** What runs its command: a shell in a control group, say. */
    private readonly around: (command: readonly string[]) => readonly string[] = (command) => command,
  ) {}

  /** Starts it; resolves when it is ready. @throws Error with its last words when it ends instead */
  async start(): Promise<void> {
    const [command = '', ...args] = this.around([process.execPath, main, `--target=${this.targets}`]);
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...machineEnv(), ...this.env },
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said = (this.said + text).slice(-KEPT_CHARS);
      });
    }
    await until(async () => {
      if (this.hasEnded) throw new Error(`${this.targets} ended while it started: ${this.said}`);
      return (await this.readiness())?.status === 200;
    }, `${this.targets} is ready`);
  }

  /** Where other processes reach one of its services. */
  internalPort(service: string): number {
    return Number(this.env[`NEXUS_${service.toUpperCase()}_PORT`]);
  }

  get hasEnded(): boolean {
    return !this.child || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The end of its log: warnings and worse. */
  get log(): string {
    return this.said;
  }

  /** undefined while nobody answers. */
  async readiness(): Promise<Readiness | undefined> {
    try {
      const url = `http://127.0.0.1:${this.managementPort}/health/ready`;
      const reply = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      const { data } = (await reply.json()) as { data?: { missing?: string[] } };
      return { status: reply.status, missing: data?.missing ?? [] };
    } catch {
      return undefined;
    }
  }

  /** As an orchestrator stops it. @throws Error unless it ends by itself, and well */
  async stop(): Promise<void> {
    const { child } = this;
    if (!child || this.hasEnded) throw new Error(`${this.targets} does not run: ${this.said}`);
    const from = performance.now();
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const tooLong = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    const [code, signal] = await gone;
    clearTimeout(tooLong);
    if (code !== 0) throw new Error(`${this.targets} ended with ${signal ?? code}: ${this.said}`);
    this.stops.push(Math.round(performance.now() - from));
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** As a crash ends it. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || this.hasEnded) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** It is there and does nothing, as on a machine that hangs. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }
}

/** Runs a command of the built platform to its end. @throws Error with what it said when it fails */
export async function runPlatform(args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const options = { env: { ...machineEnv(), ...env }, timeout: PATIENCE_MS };
  await promisify(execFile)(process.execPath, [main, ...args], options);
}
