import type { CacheFill, FreshAnswer, StoreOptions } from './cached-answer.js';
import type { SharedAnswers, SharedTicket } from './shared-answers.js';

/** The right to keep an answer in this process and for all others. */
export class SharedFill implements CacheFill {
  constructor(
    private readonly own: CacheFill,
    private readonly shared: SharedAnswers,
    private readonly ticket: SharedTicket,
  ) {}

  get key(): string {
    return this.own.key;
  }

  get stored(): boolean {
    return this.own.stored;
  }

  store(answer: FreshAnswer, options: StoreOptions): boolean {
    const isStored = this.own.store(answer, options);
    if (isStored) this.shared.keep(this.ticket, answer, options.tags, options.ttlMs);
    else this.shared.release(this.ticket);
    return isStored;
  }

  release(): void {
    if (!this.own.stored) this.shared.release(this.ticket);
    this.own.release();
  }

  releaseWith(response: { once(event: 'close', listener: () => void): unknown }): void {
    response.once('close', () => this.release());
  }
}
