import { setTimeout as sleep } from 'node:timers/promises';
import { Lifeline } from '../postgres/lifeline.ts';
import { familyOf } from '../test/process-tree.ts';
import type { Link } from './link.ts';

/** A part of the platform that runs. */
export interface Running {
  readonly pid: number;
  /** Where it listens. */
  readonly port: number;
  /** Resolves with how it ended: `code 0`, `SIGKILL`. */
  readonly ended: Promise<string>;
  /** Asks it to end in order. */
  terminate(): void;
}

/** What an orchestrator waits before it starts again what has ended, in ms; longer each time it fails. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
const END_MS = 20_000;

/** Something that can fail: a process with the network before it. What ends is started again, as an orchestrator would. */
export abstract class Part {
  readonly name: string;
  readonly link: Link;
  /** How it ended, each time that nobody had ended it. */
  readonly unexpected: string[] = [];
  #running: Running | undefined;
  #stopped = false;
  #asked = false;
  #awayMs = 0;
  #kept: Promise<void> = Promise.resolve();
  #onStart: (() => void)[] = [];

  constructor(name: string, link: Link) {
    this.name = name;
    this.link = link;
  }

  /** Starts it; resolves when it takes connections. */
  protected abstract launch(): Promise<Running>;

  /** Starts it, and keeps it running. @throws Error when it cannot be started the first time */
  async start(): Promise<void> {
    await this.#launch();
    this.#kept = this.#keep();
  }

  /**
   * Ends it, by its own means or by force.
   * @param awayMs how long there is no successor
   * @returns how it ended; its successor is on its way
   */
  async end(how: 'in order' | 'by force', awayMs = 0): Promise<string> {
    const running = this.#running;
    if (!running) throw new Error(`${this.name} does not run`);
    this.#asked = true;
    this.#awayMs = awayMs;
    if (how === 'in order') running.terminate();
    else this.#signal('SIGKILL', [running.pid]);
    const late = sleep(END_MS, undefined, { ref: false });
    const ending = await Promise.race([running.ended, late]);
    if (ending === undefined) this.#signal('SIGKILL', this.#pids());
    // Whoever waits for its successor must not find itself.
    if (this.#running === running) this.#running = undefined;
    return ending ?? `no end within ${END_MS / 1000} s`;
  }

  /** It is there and does nothing, as on a machine that hangs. */
  freeze(): void {
    this.#signal('SIGSTOP', this.#pids());
  }

  thaw(): void {
    this.#signal('SIGCONT', this.#pids());
  }

  /** Resolves when it runs. */
  async running(): Promise<void> {
    if (this.#running) return;
    await new Promise<void>((resolve) => this.#onStart.push(resolve));
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const running = this.#running;
    if (running) {
      this.thaw();
      running.terminate();
      const late = sleep(END_MS, 'late' as const, { ref: false });
      if ((await Promise.race([running.ended, late])) === 'late') this.#signal('SIGKILL', this.#pids());
    }
    await this.#kept;
    this.link.close();
  }

  #pids(): number[] {
    return this.#running ? familyOf(this.#running.pid).map(({ pid }) => pid) : [];
  }

  #signal(signal: NodeJS.Signals, pids: readonly number[]): void {
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has gone meanwhile.
      }
    }
  }

  async #launch(): Promise<Running> {
    const running = await this.launch();
    // Nothing outlives who tests, not even what stands still when that is killed.
    const lifeline = new Lifeline(running.pid, []);
    void running.ended.then(() => lifeline.release());
    this.#running = running;
    await this.link.up(running.port);
    for (const resolve of this.#onStart.splice(0)) resolve();
    return running;
  }

  async #keep(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!this.#stopped) {
      const running = this.#running;
      if (running) {
        const ending = await running.ended;
        if (this.#running === running) this.#running = undefined;
        this.link.down();
        if (!this.#asked && !this.#stopped) this.unexpected.push(ending);
        this.#asked = false;
        await sleep(this.#awayMs);
        this.#awayMs = 0;
      }
      if (this.#stopped) return;
      try {
        await this.#launch();
        pause = FIRST_PAUSE_MS;
      } catch {
        // It is tried again for as long as it takes; the bound on the recovery says how long that may be.
        await sleep(pause);
        pause = Math.min(LONGEST_PAUSE_MS, 2 * pause);
      }
    }
  }
}
