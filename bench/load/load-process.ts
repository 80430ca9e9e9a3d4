import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadCommand, LoadEvent, LoadPlan, LoadResult } from './protocol.ts';

/** The module to start for {@link LoadProcess}. */
export const LOAD_WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

const REPLY_DEADLINE_MS = 45_000;

/** The load generator, seen from the process that runs the benchmark. */
export class LoadProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Takes over a child started from {@link LOAD_WORKER} with an IPC channel, once it reports that it is ready. */
  static async attach(child: ChildProcess): Promise<LoadProcess> {
    const load = new LoadProcess(child);
    await load.#reply('ready');
    return load;
  }

  /** Opens the connections of `plan`; no request is sent yet. */
  async open(plan: LoadPlan): Promise<void> {
    await this.#ask({ type: 'open', plan }, 'opened');
  }

  start(): void {
    this.#child.send({ type: 'run' } satisfies LoadCommand);
  }

  async stop(): Promise<LoadResult> {
    return (await this.#ask({ type: 'stop' }, 'finished')).result;
  }

  #ask<T extends LoadEvent['type']>(command: LoadCommand, type: T): Promise<Extract<LoadEvent, { type: T }>> {
    const reply = this.#reply(type);
    this.#child.send(command);
    return reply;
  }

  #reply<T extends LoadEvent['type']>(type: T): Promise<Extract<LoadEvent, { type: T }>> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(deadline);
        child.off('message', onMessage);
        child.off('exit', onExit);
        act();
      };
      const onMessage = (event: LoadEvent) => {
        if (event.type === type) settle(() => resolve(event as Extract<LoadEvent, { type: T }>));
        else if (event.type === 'failed') settle(() => reject(new Error(`load generator: ${event.reason}`)));
      };
      const onExit = () => settle(() => reject(new Error('the load generator ended unexpectedly')));
      const onDeadline = () => settle(() => reject(new Error(`the load generator did not answer "${type}" in time`)));
      const deadline = setTimeout(onDeadline, REPLY_DEADLINE_MS);
      child.on('message', onMessage);
      child.on('exit', onExit);
    });
  }
}
