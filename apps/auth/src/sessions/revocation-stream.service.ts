import { Inject, Injectable } from '@nestjs/common';
import type { Revocation } from '@nexus/contracts';
import { LOGGER, type Logger } from '@nexus/observability';
import { RevocationsRepository } from './revocations.repository.js';

export type RevocationListener = (entry: Revocation) => void;

/**
 * Tells the verifiers of this process about revocations, each once and in the order of their numbers. Whoever revokes
 * waits for it before it answers.
 */
@Injectable()
export class RevocationStream {
  private readonly listeners = new Set<RevocationListener>();
  private told: number | undefined;
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly repository: RevocationsRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @returns stops it */
  subscribe(listener: RevocationListener): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** Tells committed entries, after all that come before them. Never throws. */
  announce(entries: readonly Revocation[]): Promise<void> {
    this.turn = this.turn.then(() => this.tell(entries));
    return this.turn;
  }

  private async tell(entries: readonly Revocation[]): Promise<void> {
    const [first] = entries;
    if (!first) return;
    // Numbers are given in the order of the commits, so what is missing is committed: by another process, or by a
    // transaction whose own announcement is still to come.
    const missing = this.told !== undefined && first.seq > this.told + 1 ? await this.between(this.told, first.seq) : [];
    for (const entry of [...missing, ...entries]) {
      if (entry.seq <= (this.told ?? 0)) continue;
      this.told = entry.seq;
      for (const listener of this.listeners) this.call(listener, entry);
    }
  }

  private async between(after: number, before: number): Promise<Revocation[]> {
    try {
      return await this.repository.between(after, before);
    } catch (error) {
      // A verifier sees the gap in the numbers and asks for itself.
      this.logger.warn('Revocations of others could not be read', { error });
      return [];
    }
  }

  private call(listener: RevocationListener, entry: Revocation): void {
    try {
      listener(entry);
    } catch (error) {
      this.logger.error('A listener to revocations failed', { seq: entry.seq, error });
    }
  }
}
