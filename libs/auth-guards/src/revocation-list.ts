import type { Revocation, TokenTrust } from '@nexus/contracts';
import type { CallContext } from '@nexus/kernel';

/** Between two tries to learn what was missed, in ms. */
const RETRY_MS = 250;

interface Entry {
  /** Infinity: no token of the session counts. */
  readonly minVersion: number;
  readonly expiresAt: number;
}

/**
 * Which sessions' tokens count no more, kept in memory from auth's sequenced stream. A gap in the numbers is
 * filled by asking; while that is not possible the list says how long it has been unsure.
 */
export class RevocationList {
  private readonly entries = new Map<string, Entry>();
  private head = 0;
  private stop: (() => void) | undefined;
  private unsureSince: number | undefined;
  private syncing = false;
  private wanted = false;
  private closed = false;
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly trust: TokenTrust,
    private readonly context: () => CallContext,
    private readonly now: () => number = Date.now,
  ) {}

  /** Loads what is in force and follows the stream. @throws what the provider throws: without it nobody can be let in */
  async start(): Promise<void> {
    this.stop = this.trust.subscribe((entry) => this.receive(entry));
    await this.catchUp();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.stop?.();
  }

  /** How many sessions are listed. */
  get size(): number {
    return this.entries.size;
  }

  /** Milliseconds for which the list may have missed something; 0 when it is sure. */
  unsureMs(): number {
    return this.unsureSince === undefined ? 0 : this.now() - this.unsureSince;
  }

  /** True when a token of this session and version must be refused. */
  isRevoked(sessionId: string, version: number): boolean {
    const entry = this.entries.get(sessionId);
    return entry !== undefined && version < entry.minVersion;
  }

  private receive(entry: Revocation): void {
    this.add(entry);
    if (entry.seq <= this.head + 1) this.head = Math.max(this.head, entry.seq);
    else this.sync();
  }

  private add(entry: Revocation): void {
    const expiresAt = Date.parse(entry.expires_at);
    const minVersion = Math.max(
      entry.min_version ?? Number.POSITIVE_INFINITY,
      this.entries.get(entry.session_id)?.minVersion ?? 0,
    );
    if (expiresAt > this.now()) this.entries.set(entry.session_id, { minVersion, expiresAt });
    if (this.entries.size % 1024 === 0) this.sweep();
  }

  /** Asks for what is missing until it is there: unsure from now on, sure again with the answer. */
  private sync(): void {
    this.unsureSince ??= this.now();
    this.wanted = true;
    if (this.syncing || this.closed) return;
    this.syncing = true;
    this.catchUp().then(
      () => {
        this.syncing = false;
      },
      () => {
        this.syncing = false;
        this.retry = setTimeout(() => this.sync(), RETRY_MS).unref();
      },
    );
  }

  /** A gap that shows while an answer is under way may not be in it: then it is asked once more. */
  private async catchUp(): Promise<void> {
    do {
      this.wanted = false;
      const { entries, head } = await this.trust.revocations(this.context(), { after: this.head });
      for (const entry of entries) this.add(entry);
      this.head = Math.max(this.head, head);
    } while (this.wanted);
    this.unsureSince = undefined;
  }

  private sweep(): void {
    const now = this.now();
    for (const [session, entry] of this.entries) if (entry.expiresAt <= now) this.entries.delete(session);
  }
}
