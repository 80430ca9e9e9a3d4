import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cores } from '../machine.ts';
import { childEnv, endChild } from '../served-process.ts';
import { rotate } from '../statistics.ts';

/** A process of its own that does what it is told (`obeyTrial`), on the core that is measured. */
export class TrialProcess<Command extends object, Event> {
  readonly #child: ChildProcess;
  /** Rejects at its end. */
  readonly #ended: Promise<never>;

  /** @param args what the file is told on its command line */
  constructor(file: URL, cores: Cores | undefined, ...args: string[]) {
    const pinned = cores === undefined ? [] : ['taskset', '-c', String(cores.subject)];
    const path = fileURLToPath(file);
    const [command, ...rest] = [...pinned, process.execPath, path, ...args];
    this.#child = spawn(command as string, rest, { env: childEnv({}), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#ended = once(this.#child, 'exit').then(() => {
      throw new Error(`the process of ${basename(path, '.ts')} has ended`);
    });
    // It ends after its last command too, when nobody asks any more.
    this.#ended.catch(() => undefined);
  }

  /** @throws when the process ends instead of answering */
  async ask(command: Command): Promise<Event> {
    const answered = once(this.#child, 'message') as Promise<[Event]>;
    this.#child.send(command);
    const [event] = await Promise.race([answered, this.#ended]);
    return event;
  }

  stop(): Promise<void> {
    return endChild(this.#child);
  }
}

/**
 * Several processes do the same, in turns: first everything in `before`, then `each` once a round, in rotating order.
 * @returns their answers to `each`, by round; the processes have ended
 */
export async function inTurns<Name extends string, Command extends object, Event>(options: {
  processes: ReadonlyMap<Name, TrialProcess<Command, Event>>;
  before: readonly Command[];
  each: Command;
  rounds: number;
}): Promise<Map<Name, Event[]>> {
  const { processes, before, each, rounds } = options;
  const answers = new Map<Name, Event[]>();
  try {
    for (const [name, child] of processes) {
      for (const command of before) await child.ask(command);
      answers.set(name, []);
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, child] of rotate([...processes], round)) answers.get(name)?.push(await child.ask(each));
    }
  } finally {
    await Promise.all([...processes.values()].map((child) => child.stop()));
  }
  return answers;
}
