import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { OnServiceStart } from '@nexus/bootstrap';
import type { Revocation, StreamWatch } from '@nexus/contracts';
import { LOGGER, type Logger } from '@nexus/observability';
import { AuthClock } from '../time/auth-clock.service.js';
import { RevocationsRepository } from './revocations.repository.js';

/** A promise: kept when the entry and all before it count where it was told, or nobody waits for that any more. */
export type RevocationListener = (entry: Revocation) => void | Promise<void>;

interface Follower {
  readonly listener: RevocationListener;
  readonly watch: StreamWatch | undefined;
}

/** How often it looks for what others have written. */
const LOOK_MS = 500;

/**
 * Tells verifiers about revocations, each once and in the order of their numbers. Whoever revokes waits before it answers
 * until all of them have taken it, those in other processes too; what other instances revoke, and what was committed
 * although the answer to the commit was lost, is found by looking.
 */
@Injectable()
export class RevocationStream implements OnServiceStart, OnModuleDestroy {
  private readonly followers = new Set<Follower>();
  private told: number | undefined;
  private turn: Promise<void> = Promise.resolve();
  /** Done when everything that was told is taken; undefined: it is. */
  private taken: Promise<unknown> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private failing = false;

  constructor(
    private readonly repository: RevocationsRepository,
    private readonly clock: AuthClock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onServiceStart(): Promise<void> {
    this.told = await this.repository.head();
    this.timer = setInterval(() => void this.catchUp(), LOOK_MS);
    this.timer.unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.turn;
  }

  /**
   * @param watch is told when what others have revoked cannot be read, and when it can be again
   * @returns stops it
   */
  subscribe(listener: RevocationListener, watch?: StreamWatch): () => void {
    const follower = { listener, watch };
    this.followers.add(follower);
    if (this.failing) watch?.lost();
    return () => {
      this.followers.delete(follower);
    };
  }

  /** Tells committed entries, after all that come before them, and waits until they are taken. Never rejects. */
  async announce(entries: readonly Revocation[]): Promise<void> {
    let taken: Promise<unknown> | undefined;
    await this.inTurn(async () => {
      const [first] = entries;
      // Numbers are given in the order of the commits, so what is missing is committed: by another process, or by a
      // transaction whose own announcement is still to come.
      if (first && this.told !== undefined && first.seq > this.told + 1) await this.look();
      this.tell(entries);
      taken = this.taken;
    });
    // Others have their turn meanwhile.
    await taken;
  }

  /** Tells what was committed and not announced. Never rejects. */
  catchUp(): Promise<void> {
    return this.inTurn(() => this.look());
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(work);
    return this.turn;
  }

  private async look(): Promise<void> {
    const told = this.told ?? 0;
    try {
      if ((await this.repository.head()) > told) {
        const { entries, head } = await this.repository.since(told, new Date(this.clock.now()));
        this.tell(entries);
        this.told = Math.max(this.told ?? 0, head);
      }
      this.recovered();
    } catch (error) {
      // Whoever verifies sees the gap in the numbers and asks for itself.
      this.failed(error);
    }
  }

  private recovered(): void {
    const back = this.failing;
    this.failing = false;
    for (const { watch } of this.followers) {
      if (back) watch?.opened();
      watch?.beat();
    }
  }

  private failed(error: unknown): void {
    if (this.failing) return;
    this.failing = true;
    this.logger.warn('Revocations cannot be read; the next look will', { error });
    for (const { watch } of this.followers) watch?.lost();
  }

  private tell(entries: readonly Revocation[]): void {
    const news = entries.filter(({ seq }) => seq > (this.told ?? 0));
    this.told = news.at(-1)?.seq ?? this.told;
    const waits: Promise<void>[] = [];
    for (const { listener } of this.followers) {
      let taken: Promise<void> | undefined;
      // Each promise is for all entries before it, too.
      for (const entry of news) taken = this.tellOne(listener, entry) ?? taken;
      if (taken !== undefined) waits.push(taken);
    }
    if (waits.length > 0) this.waitFor(waits);
  }

  private tellOne(listener: RevocationListener, entry: Revocation): Promise<void> | undefined {
    try {
      return listener(entry) ?? undefined;
    } catch (error) {
      this.logger.error('A listener to revocations failed', { seq: entry.seq, error });
      return undefined;
    }
  }

  private waitFor(waits: readonly Promise<void>[]): void {
    const taken: Promise<unknown> = Promise.allSettled([this.taken, ...waits]).then(() => {
      if (this.taken === taken) this.taken = undefined;
    });
    this.taken = taken;
  }
}
