import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import type { Link } from './link.ts';
import { Part, type Running } from './part.ts';

export interface ServiceOptions {
  /** The checkout. */
  readonly root: string;
  /** `all`, or one service. */
  readonly target: string;
  /** Where clients or other services reach it, behind its link. */
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Where what it says goes. */
  readonly log: string;
}

const START_MS = 60_000;

const isReady = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';

/** A process of the built platform. */
export class ServicePart extends Part {
  readonly #options: ServiceOptions;

  constructor(name: string, link: Link, options: ServiceOptions) {
    super(name, link);
    this.#options = options;
  }

  protected async launch(): Promise<Running> {
    const { root, target, port, env, log } = this.#options;
    const output = openSync(log, 'a');
    const child = spawn(
      process.execPath,
      ['--enable-source-maps', path.join(root, 'dist/apps/main.js'), `--target=${target}`],
      {
        cwd: root,
        // Its own session: a terminal's Ctrl-C is for who tests. With the channel it ends when that is gone.
        detached: true,
        env: {
          PATH: process.env.PATH ?? '',
          NODE_COMPILE_CACHE: path.join(root, 'node_modules/.cache/node-compile'),
          ...env,
        },
        stdio: ['ignore', output, output, 'ipc'],
      },
    );
    closeSync(output);
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
    });
    const ready = new Promise<true>((resolve) => {
      child.on('message', (message) => {
        if (isReady(message)) resolve(true);
      });
    });
    const late = setTimeout(() => child.kill('SIGKILL'), START_MS);
    const outcome = await Promise.race([ready, ended]);
    clearTimeout(late);
    if (outcome !== true) throw new Error(`${this.name} ended while it started (${outcome}); its log is ${log}`);
    return { pid: child.pid ?? 0, port, ended, terminate: () => child.kill('SIGTERM') };
  }
}
