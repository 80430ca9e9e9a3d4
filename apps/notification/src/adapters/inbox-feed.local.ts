import { Injectable } from '@nestjs/common';
import { InboxFeed } from '../inbox/inbox-feed.port.js';

/** The feed of one process. */
@Injectable()
export class LocalInboxFeed extends InboxFeed {
  private readonly listeners = new Map<string, Set<() => void>>();

  announce(userId: string): void {
    for (const listener of this.listeners.get(userId) ?? []) listener();
  }

  subscribe(userId: string, listener: () => void): () => void {
    const listeners = this.listeners.get(userId) ?? new Set();
    // Each subscription is its own, also when one listener is given twice.
    const own = () => listener();
    listeners.add(own);
    this.listeners.set(userId, listeners);
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.listeners.get(userId) === listeners) this.listeners.delete(userId);
    };
  }

  /** People somebody listens for. */
  get size(): number {
    return this.listeners.size;
  }
}
