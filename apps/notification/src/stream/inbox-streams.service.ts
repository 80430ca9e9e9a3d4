import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { challenge } from '@nexus/auth-guards';
import type { OnServiceStart } from '@nexus/bootstrap';
import { type Revocation, TokenTrust } from '@nexus/contracts';
import { commonHeaders, type Exchange } from '@nexus/http';
import { errors, type UserActor } from '@nexus/kernel';
import { LOGGER, type Logger } from '@nexus/observability';
import { LRUCache } from 'lru-cache';
import { InboxRepository } from '../inbox/inbox.repository.js';
import { InboxFeed } from '../inbox/inbox-feed.port.js';
import { type NotificationConfig, notificationConfig } from '../notification.config.js';
import { REPLACED_FRAME } from './event-frames.js';
import { InboxStream } from './inbox-stream.js';
import { StreamTiming } from './stream-timing.js';
import { tokenExpiry } from './token-expiry.js';

/** Streams of one process; beyond it newcomers are sent away. */
const MAX_STREAMS = 10_000;
/** Longer than any request takes from the check of its token to its stream. */
const REVOCATION_MEMORY_MS = 60_000;

/** Header names and values in turn, besides those of every answer. */
export const EVENT_STREAM_HEADERS = [
  'Content-Type',
  'text/event-stream; charset=utf-8',
  'Cache-Control',
  'no-store, no-transform',
  // nginx and its kin would otherwise hold entries back until a buffer is full.
  'X-Accel-Buffering',
  'no',
];

function concerns({ session_id, min_version }: Revocation, actor: UserActor): boolean {
  return actor.sessionId === session_id && (min_version === null || actor.sessionVersion < min_version);
}

/** The live streams of this process: opened, counted, and ended when their session ends. */
@Injectable()
export class InboxStreams implements OnServiceStart, OnModuleDestroy {
  /** By person, oldest first. */
  private readonly streams = new Map<string, Set<InboxStream>>();
  private readonly revoked = new LRUCache<string, Revocation>({ max: 10_000, ttl: REVOCATION_MEMORY_MS });
  private open = 0;
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly inboxes: InboxRepository,
    private readonly feed: InboxFeed,
    private readonly trust: TokenTrust,
    private readonly timing: StreamTiming,
    @Inject(notificationConfig.token) private readonly config: NotificationConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Streams that are open now. */
  get size(): number {
    return this.open;
  }

  async onServiceStart(): Promise<void> {
    this.unsubscribe = this.trust.subscribe((entry) => this.revoke(entry));
  }

  onModuleDestroy(): void {
    this.unsubscribe?.();
    for (const streams of this.streams.values()) for (const stream of streams) stream.finish();
  }

  /**
   * Answers a request with a live stream; resolves when the stream has ended.
   *
   * @param lastEventId id of the last entry the client has; without it the stream begins with what comes next
   * @throws AppError `overloaded`, `session_ended`, before anything is answered
   */
  async serve(exchange: Exchange, actor: UserActor, lastEventId: string | undefined): Promise<void> {
    // Asked for before anything is awaited: a shutdown must find it.
    const { signal, response } = exchange;
    const ended = this.revoked.get(actor.sessionId);
    if (ended && concerns(ended, actor)) throw errors.session_ended({ headers: challenge('invalid_token') });
    if (this.open >= MAX_STREAMS) throw errors.overloaded({ headers: { 'retry-after': '5' } });
    const stream = new InboxStream(
      actor,
      response,
      (place, limit) => this.inboxes.after(actor.id, place, limit),
      this.timing,
    );
    // Listening before looking: what is added from now on is announced, what was added before is found.
    const leave = this.enter(stream);
    const finish = () => stream.finish();
    signal.addEventListener('abort', finish);
    try {
      const place = await (lastEventId === undefined
        ? this.inboxes.lastPlace(actor.id)
        : this.inboxes.placeOf(actor.id, lastEventId));
      if (response.destroyed) return;
      response.writeHead(200, [...commonHeaders(exchange), ...EVENT_STREAM_HEADERS]);
      const expiry = tokenExpiry(exchange.request.headers.authorization) ?? Number.POSITIVE_INFINITY;
      await stream.run(place, Math.max(0, Math.min(this.timing.lifeMs, expiry - Date.now())));
    } catch (error) {
      if (!response.headersSent) throw error;
      this.logger.warn('A live stream ended early; its client will come back', {
        'http.request.id': exchange.id,
        error,
      });
    } finally {
      signal.removeEventListener('abort', finish);
      leave();
    }
  }

  private enter(stream: InboxStream): () => void {
    const { id } = stream.actor;
    const own = this.streams.get(id) ?? new Set();
    for (const oldest of own) {
      if (own.size < this.config.NOTIFICATION_STREAMS_PER_USER) break;
      own.delete(oldest);
      oldest.finish(REPLACED_FRAME);
    }
    own.add(stream);
    this.streams.set(id, own);
    this.open += 1;
    const unsubscribe = this.feed.subscribe(id, () => stream.notify());
    return () => {
      unsubscribe();
      this.open -= 1;
      own.delete(stream);
      if (own.size === 0 && this.streams.get(id) === own) this.streams.delete(id);
    };
  }

  private revoke(entry: Revocation): void {
    this.revoked.set(entry.session_id, entry);
    for (const streams of this.streams.values()) {
      for (const stream of streams) if (concerns(entry, stream.actor)) stream.finish();
    }
  }
}
