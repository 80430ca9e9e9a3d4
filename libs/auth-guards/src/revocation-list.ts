import type { Revocation, TokenTrust } from '@nexus/contracts';
import type { CallContext } from '@nexus/kernel';

/** Between two tries to learn what was missed, in ms. */
const RETRY_MS = 250;
/** An answer that takes longer is not waited for: another try may reach somebody who is well. */
const ASK_MS = 2_000;
/** A stream that tells nothing for so long, not even that it is alive, may have lost something. */
const SILENCE_MS = 1_000;
const LOOKS_PER_SILENCE = 4;

interface Entry {
  /** Infinity: no token of the session counts. */
  readonly minVersion: number;
  readonly expiresAt: number;
}

/**
 * Which sessions' tokens count no more, kept in memory from auth's sequenced stream. A gap in the numbers is filled by
 * asking. Where the stream comes from another process it can fall silent: then the list asks once a second instead, and
 * whatever was told or asked last is all it is sure of. While asking is not possible the list says how long it has been
 * unsure; before its first answer, for ever.
 */
export class RevocationList {
  private readonly entries = new Map<string, Entry>();
  private readonly followers = new Set<(sessionId: string) => void>();
  private told = 0;
  private head = 0;
  private stop: (() => void) | undefined;
  /** When it began to be unsure; -Infinity: it has never known. */
  private unsureSince: number | undefined = Number.NEGATIVE_INFINITY;
  /** Until when nothing can have been missed. */
  private knownUntil = Number.NEGATIVE_INFINITY;
  /** The stream can fall silent. */
  private watched = false;
  private syncing = false;
  private wanted = false;
  private closed = false;
  private retry: NodeJS.Timeout | undefined;
  private looks: NodeJS.Timeout | undefined;

  constructor(
    private readonly trust: TokenTrust,
    private readonly context: () => CallContext,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Loads what is in force and follows the stream.
   * @throws what the provider throws: without it nobody can be let in. Unless it is closed the list goes on asking, and
   * lets nobody in until it is answered.
   */
  async start(): Promise<void> {
    this.looks = setInterval(() => this.look(), SILENCE_MS / LOOKS_PER_SILENCE).unref();
    this.syncing = true;
    this.stop = this.trust.subscribe((entry) => this.receive(entry), {
      // What is missed meanwhile is asked for when the stream is back, or when it has been silent for too long.
      lost: () => {
        this.watched = true;
      },
      opened: () => this.resume(),
      beat: (ageMs = 0) => this.hear(ageMs),
    });
    try {
      await this.catchUp(this.context());
      this.syncing = false;
    } catch (error) {
      this.syncing = false;
      this.askLater();
      throw error;
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    clearInterval(this.looks);
    this.stop?.();
  }

  /** How many sessions are listed. */
  get size(): number {
    return this.entries.size;
  }

  /**
   * Milliseconds for which the list may have missed something; 0 when it is sure.
   * @param now what the clock says, for those who have just looked
   */
  unsureMs(now = this.now()): number {
    if (this.unsureSince !== undefined) return now - this.unsureSince;
    if (!this.watched) return 0;
    // Asked of the clock, not of a timer: a process that was frozen has missed its timers, too.
    const silentMs = now - this.knownUntil;
    return silentMs > SILENCE_MS ? silentMs : 0;
  }

  /** Another number than before when something was listed since: what {@link isRevoked} said until then may be otherwise. */
  get changes(): number {
    return this.told;
  }

  /** True when a token of this session and version must be refused. */
  isRevoked(sessionId: string, version: number): boolean {
    const entry = this.entries.get(sessionId);
    return entry !== undefined && version < entry.minVersion;
  }

  /**
   * Calls the listener with each session of which tokens count no more that counted before, however that was learnt: so
   * one stream serves everybody in the process, and a break of it hides nothing from them.
   *
   * @param listener must not throw; what still counts it asks of {@link isRevoked}
   * @returns stops it
   */
  follow(listener: (sessionId: string) => void): () => void {
    // A function that follows twice is two followers.
    const follower = (sessionId: string) => listener(sessionId);
    this.followers.add(follower);
    return () => void this.followers.delete(follower);
  }

  private receive(entry: Revocation): void {
    this.add(entry);
    if (entry.seq <= this.head + 1) this.head = Math.max(this.head, entry.seq);
    else {
      this.unsureSince ??= this.now();
      this.sync();
    }
  }

  /** The stream is alive: it has told everything up to then, unless something is missing anyway. */
  private hear(ageMs: number): void {
    if (this.unsureSince === undefined) this.knownUntil = Math.max(this.knownUntil, this.now() - ageMs);
  }

  /** The stream begins, or goes on after a break: what happened since it last told something has to be asked for. */
  private resume(): void {
    this.unsureSince ??= this.knownUntil;
    this.sync();
  }

  private look(): void {
    // An answer that is under way is as good as one that would be asked for now.
    if (this.watched && !this.syncing && this.unsureMs() > 0) this.sync();
  }

  private add(entry: Revocation): void {
    this.told += 1;
    const expiresAt = Date.parse(entry.expires_at);
    const known = this.entries.get(entry.session_id)?.minVersion ?? 0;
    const minVersion = Math.max(entry.min_version ?? Number.POSITIVE_INFINITY, known);
    if (expiresAt > this.now()) this.entries.set(entry.session_id, { minVersion, expiresAt });
    if (this.entries.size % 1024 === 0) this.sweep();
    if (minVersion > known) for (const follower of this.followers) follower(entry.session_id);
  }

  /** Asks for what is missing until it is there. */
  private sync(): void {
    this.wanted = true;
    if (this.syncing || this.closed) return;
    this.syncing = true;
    clearTimeout(this.retry);
    const context = this.context();
    this.catchUp({ ...context, deadline: Math.min(context.deadline, Date.now() + ASK_MS) }).then(
      () => {
        this.syncing = false;
      },
      () => {
        this.syncing = false;
        this.askLater();
      },
    );
  }

  private askLater(): void {
    clearTimeout(this.retry);
    if (!this.closed) this.retry = setTimeout(() => this.sync(), RETRY_MS).unref();
  }

  /** A gap that shows while an answer is under way may not be in it: then it is asked once more. */
  private async catchUp(context: CallContext): Promise<void> {
    let askedAt: number;
    do {
      this.wanted = false;
      askedAt = this.now();
      const { entries, head } = await this.trust.revocations(context, { after: this.head });
      for (const entry of entries) this.add(entry);
      this.head = Math.max(this.head, head);
    } while (this.wanted);
    this.unsureSince = undefined;
    this.knownUntil = Math.max(this.knownUntil, askedAt);
  }

  private sweep(): void {
    const now = this.now();
    for (const [session, entry] of this.entries) if (entry.expiresAt <= now) this.entries.delete(session);
  }
}
