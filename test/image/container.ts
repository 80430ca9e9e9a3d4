/** Containers without an engine, for tests: what the Dockerfile says about them, what they have said, and how they ended. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from '@jest/globals';
import { cannotContain, startContainer, type Volume } from '../../tools/image/container.js';
import { type ContainerConfig, containerConfig, readDockerfile } from '../../tools/image/dockerfile.js';
import { familyOf } from '../../tools/test/process-tree.js';

export const ROOT = resolve(import.meta.dirname, '../..');
/** Generous, because a busy machine takes its time; nothing waits for it when all is well. */
export const PATIENCE_MS = 90_000;
export const NEXUS_UID = 10_001;
const KEPT_CHARS = 32 * 1024;

/** The stages of the Dockerfile. */
export const stages = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
/** How a container of the product runs. */
export const nexusConfig = containerConfig(stages, 'nexus');

/** Whoever may not mount leaves it out and says so; CI may. */
export function contained(name: string, work: () => Promise<void>): void {
  const reason = cannotContain();
  const leaveOut = async () => {
    if (process.env.CI) throw new Error(`skipped: ${reason}`);
    console.warn(`skipped: ${reason}`);
  };
  test(name, reason === undefined ? work : leaveOut, 2 * PATIENCE_MS);
}

/** Lays out the tree of an image from the checkout. */
export function layOutTree(folder: string, ...flags: string[]): void {
  const tool = join(ROOT, 'tools/image/build.ts');
  execFileSync(process.execPath, [tool, folder, ...flags], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
}

export interface Run {
  readonly app: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly volumes?: Readonly<Record<string, Volume>>;
  readonly command?: readonly string[];
  /** Instead of that of the product's image. */
  readonly config?: ContainerConfig;
  readonly hosts?: Readonly<Record<string, string>>;
}

/** One container. */
export class Container {
  readonly child: ChildProcess;
  /** The end of what it has said. */
  said = '';

  constructor(root: string, run: Run) {
    this.child = startContainer({ root, config: nexusConfig, env: {}, volumes: {}, ...run });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said = (this.said + text).slice(-KEPT_CHARS);
      });
    }
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Process 1 of the container. */
  get first(): number {
    const found = familyOf(this.child.pid ?? 0).find(({ parent }) => parent === this.child.pid);
    if (!found) throw new Error(`The container has no process: ${this.said}`);
    return found.pid;
  }

  /** @returns its exit code */
  async ended(): Promise<number | null> {
    if (!this.hasEnded) await once(this.child, 'close');
    return this.child.exitCode;
  }

  /** As an engine stops it. @returns its exit code, and how long it took in ms */
  async stop(): Promise<{ readonly code: number | null; readonly ms: number }> {
    const from = performance.now();
    process.kill(this.first, 'SIGTERM');
    const code = await this.ended();
    return { code, ms: performance.now() - from };
  }
}

/** A place for containers and what they use, which is removed with all of them. */
export class Engine {
  readonly folder = mkdtempSync(join(tmpdir(), 'nexus-image-'));
  readonly #containers: Container[] = [];

  run(run: Run): Container {
    const container = new Container(mkdtempSync(join(this.folder, 'root-')), run);
    this.#containers.push(container);
    return container;
  }

  /** A folder that belongs to the image's user; one with files in it is to be read alone. */
  volume(name: string, files: Readonly<Record<string, string>> = {}, folders: readonly string[] = []): Volume {
    const folder = mkdtempSync(join(this.folder, `${name}-`));
    const inner = Object.keys(files);
    for (const file of inner) writeFileSync(join(folder, file), files[file] ?? '', { mode: 0o400 });
    for (const path of folders) mkdirSync(join(folder, path), { mode: 0o700 });
    for (const path of ['', ...inner, ...folders]) chownSync(join(folder, path), NEXUS_UID, NEXUS_UID);
    return { folder, writable: inner.length === 0 };
  }

  async close(): Promise<void> {
    const left = this.#containers.filter(({ hasEnded }) => !hasEnded);
    for (const container of left) process.kill(container.first, 'SIGKILL');
    await Promise.all(left.map((container) => container.ended()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
