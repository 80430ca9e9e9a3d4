import type { ServerResponse } from 'node:http';
import type { UserActor } from '@nexus/kernel';
import type { PlacedRow } from '../inbox/inbox.repository.js';
import { notificationView } from '../inbox/inbox.service.js';
import { HEARTBEAT, notificationFrame, openingFrame } from './event-frames.js';
import type { StreamTiming } from './stream-timing.js';

const PAGE = 50;

/** Entries after a place of one inbox, oldest first. */
export type InboxReader = (place: string, limit: number) => Promise<readonly PlacedRow[]>;

/**
 * One live stream. It keeps no entries: whenever there may be news it reads the inbox from the place it has reached,
 * and it reads on only when its client has taken what was sent. So replay and live entries are one sequence, without
 * gap or double, and a slow client costs one frame of memory.
 */
export class InboxStream {
  private news = true;
  private beat = false;
  private over = false;
  private lastFrame = '';
  private wake: (() => void) | undefined;
  private giveUpWaiting: (() => void) | undefined;

  constructor(
    readonly actor: UserActor,
    private readonly response: ServerResponse,
    private readonly read: InboxReader,
    private readonly timing: StreamTiming,
  ) {
    // Errors of a socket that is gone: `close` follows, and nobody else listens.
    response.on('error', () => undefined);
    response.once('close', () => this.stop());
  }

  /** The inbox may have something new. */
  notify(): void {
    this.news = true;
    this.wake?.();
  }

  /**
   * Sends what comes after `place`, and then whatever is announced, until the stream ends.
   * @param lifeMs how long at most
   * @throws Error when the inbox cannot be read; the client will come back and go on where it was
   */
  async run(place: string, lifeMs: number): Promise<void> {
    const heart = setInterval(() => {
      this.beat = true;
      this.wake?.();
    }, this.timing.heartbeatMs);
    const life = setTimeout(() => this.finish(), lifeMs);
    try {
      let reached = place;
      await this.send(openingFrame());
      while (!this.over) {
        if (this.news) {
          this.news = false;
          reached = await this.catchUp(reached);
        } else if (this.beat) {
          this.beat = false;
          await this.send(HEARTBEAT);
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      clearInterval(heart);
      clearTimeout(life);
      this.close();
    }
  }

  /** Ends the stream in order, whether it runs already or not. */
  finish(lastFrame = ''): void {
    if (this.over) return;
    this.lastFrame = lastFrame;
    this.stop();
  }

  /** A client that does not take the end is cut off. */
  private close(): void {
    const { response } = this;
    if (response.destroyed) return;
    const cut = setTimeout(() => response.destroy(), this.timing.drainMs);
    response.once('close', () => clearTimeout(cut));
    response.end(this.lastFrame);
  }

  private stop(): void {
    this.over = true;
    this.wake?.();
    this.giveUpWaiting?.();
  }

  private async catchUp(from: string): Promise<string> {
    let reached = from;
    for (;;) {
      const rows = await this.read(reached, PAGE);
      for (const row of rows) {
        if (this.over) return reached;
        await this.send(notificationFrame(notificationView(row)));
        reached = row.seq;
      }
      if (rows.length < PAGE) return reached;
    }
  }

  private async send(frame: string): Promise<void> {
    if (this.over || this.response.write(frame)) return;
    await this.drained();
  }

  /** Waits until the client has taken what was sent; one that falls behind loses its connection, and nothing else. */
  private drained(): Promise<void> {
    const { response } = this;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        response.off('drain', done);
        response.off('close', done);
        resolve();
      };
      const timer = setTimeout(() => {
        response.destroy();
        this.stop();
      }, this.timing.drainMs);
      this.giveUpWaiting = done;
      response.once('drain', done);
      response.once('close', done);
    });
  }
}
