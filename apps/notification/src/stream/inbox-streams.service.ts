import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { challenge, RevocationList, tokenConfig } from '@nexus/auth-guards';
import type { ConfigOf } from '@nexus/config';
import { commonHeaders, type Exchange } from '@nexus/http';
import { errors, type UserActor } from '@nexus/kernel';
import { LOGGER, type Logger } from '@nexus/observability';
import { InboxRepository } from '../inbox/inbox.repository.js';
import { InboxFeed } from '../inbox/inbox-feed.port.js';
import { type NotificationConfig, notificationConfig } from '../notification.config.js';
import { REPLACED_FRAME } from './event-frames.js';
import { InboxStream } from './inbox-stream.js';
import { StreamTiming } from './stream-timing.js';
import { tokenExpiry } from './token-expiry.js';

/** Streams of one process; beyond it newcomers are sent away. */
const MAX_STREAMS = 10_000;
/** Between two looks whether it is known at all which sessions have ended. */
const LOOK_MS = 500;

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

/**
 * The live streams of this process: opened, counted, and ended when their session ends, or when it could not be learnt
 * for longer than the grace whether it has.
 */
@Injectable()
export class InboxStreams implements OnModuleDestroy {
  /** By person, oldest first. */
  private readonly streams = new Map<string, Set<InboxStream>>();
  private open = 0;
  private readonly unfollow: () => void;
  private looks: NodeJS.Timeout | undefined;

  constructor(
    private readonly inboxes: InboxRepository,
    private readonly feed: InboxFeed,
    private readonly revocations: RevocationList,
    private readonly timing: StreamTiming,
    @Inject(notificationConfig.token) private readonly config: NotificationConfig,
    @Inject(tokenConfig.token) private readonly tokens: ConfigOf<typeof tokenConfig>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.unfollow = revocations.follow((sessionId) => this.endSession(sessionId));
  }

  /** Streams that are open now. */
  get size(): number {
    return this.open;
  }

  onModuleDestroy(): void {
    this.unfollow();
    clearInterval(this.looks);
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
    if (this.hasEnded(actor)) throw errors.session_ended({ headers: challenge('invalid_token') });
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
    if (signal.aborted) finish();
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
    this.looks ??= setInterval(() => this.look(), LOOK_MS).unref();
    const unsubscribe = this.feed.subscribe(id, () => stream.notify());
    return () => {
      unsubscribe();
      this.open -= 1;
      own.delete(stream);
      if (own.size === 0 && this.streams.get(id) === own) this.streams.delete(id);
      if (this.open > 0) return;
      clearInterval(this.looks);
      this.looks = undefined;
    };
  }

  private hasEnded({ sessionId, sessionVersion }: UserActor): boolean {
    return this.revocations.isRevoked(sessionId, sessionVersion);
  }

  private endSession(sessionId: string): void {
    for (const streams of this.streams.values()) {
      for (const stream of streams) {
        if (stream.actor.sessionId === sessionId && this.hasEnded(stream.actor)) stream.finish();
      }
    }
  }

  /** The token of a stream is checked when it begins; from then on the stream is no better than a request, which gets 503. */
  private look(): void {
    if (this.revocations.unsureMs() <= this.tokens.REVOCATION_GRACE_SECONDS * 1000) return;
    for (const streams of this.streams.values()) for (const stream of streams) stream.finish();
  }
}
