import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { Answered, Answers, Asked, Question } from './protocol.ts';

/** The load, seen from who tests. */
export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answered: Answered) => void>();
  #asked = 0;

  constructor() {
    this.#child = fork(path.join(import.meta.dirname, 'worker.ts'), {
      // Its own session: a terminal's Ctrl-C is for who tests.
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (answered: Answered) => {
      this.#waiting.get(answered.id)?.(answered);
      this.#waiting.delete(answered.id);
    });
    this.#child.once('exit', (code, signal) => {
      for (const [id, answered] of this.#waiting) answered({ id, fault: `the load ended with ${signal ?? code}` });
      this.#waiting.clear();
    });
  }

  /** @throws Error with what went wrong in the load itself */
  async ask<Q extends Question>(question: Q, ask: Answers[Q]['ask']): Promise<Answers[Q]['answer']> {
    this.#asked += 1;
    const asked: Asked<Q> = { id: this.#asked, question, ask };
    if (!this.#child.connected) throw new Error('the load has ended');
    const answered = await new Promise<Answered>((resolve) => {
      this.#waiting.set(asked.id, resolve);
      this.#child.send(asked);
    });
    if ('fault' in answered) throw new Error(answered.fault);
    return answered.answer;
  }

  /** Ends it; it has nothing that would have to be put away. */
  end(): void {
    this.#child.kill('SIGKILL');
  }
}
