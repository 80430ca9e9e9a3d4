/**
 * Tells live streams that a person's inbox has something new. It carries no content: who is told reads the inbox, so
 * that a signal which comes twice, late or out of order does no harm.
 */
export abstract class InboxFeed {
  /** Call it after the commit. Never throws. */
  abstract announce(userId: string): void;
  /**
   * Calls the listener at each announcement from now on. The listener must not throw.
   * @returns ends the subscription
   */
  abstract subscribe(userId: string, listener: () => void): () => void;
}
