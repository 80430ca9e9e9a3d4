import type { ServerResponse } from 'node:http';
import { STREAM_TYPE } from '@nexus/clients';
import type { StreamWatch } from '@nexus/contracts';

/** What a follower may leave unread; beyond it, it is cut off: it will come again and ask for what it missed. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** How long a follower may take to read the end. */
const END_MS = 1_000;
const BEAT = '{}\n';

/** A member of a port that is a stream. */
export type Subscribe = (listener: (entry: unknown) => void, watch?: StreamWatch) => () => void;

/** One follower of a stream: a line of JSON for each entry, and signs of life while the provider itself is well. */
export class OutgoingStream {
  private stop: (() => void) | undefined;
  private readonly early: string[] = [];
  private begun = false;
  private well = true;

  /**
   * Subscribes first and answers then: what is told after the answer began is never missed.
   * @throws what the provider throws; nothing is answered then
   */
  constructor(
    private readonly response: ServerResponse,
    requestId: string,
    subscribe: Subscribe,
    ended: (stream: OutgoingStream) => void,
  ) {
    this.stop = subscribe((entry) => this.write(`${JSON.stringify({ entry })}\n`), {
      lost: () => {
        this.well = false;
      },
      opened: () => {
        // What was missed is not told again: the follower has to begin anew, and ask.
        this.well = true;
        if (this.begun) this.cut();
      },
      beat: () => undefined,
    });
    response.once('close', () => {
      this.unsubscribe();
      ended(this);
    });
    response.writeHead(200, ['Content-Type', STREAM_TYPE, 'Cache-Control', 'no-store', 'X-Request-Id', requestId]);
    const first = (this.well ? BEAT : '') + this.early.join('');
    if (first === '') response.flushHeaders();
    else response.write(first);
    this.begun = true;
  }

  /** Tells the follower that everything so far was told; a provider that does not know is silent. */
  beat(): void {
    if (this.well) this.write(BEAT);
  }

  /** Ends it in order; the follower comes again, here or elsewhere. */
  end(): void {
    this.unsubscribe();
    this.response.end();
    setTimeout(() => this.response.destroy(), END_MS).unref();
  }

  private cut(): void {
    this.unsubscribe();
    this.response.destroy();
  }

  private unsubscribe(): void {
    this.stop?.();
    this.stop = undefined;
  }

  private write(line: string): void {
    if (!this.begun) {
      this.early.push(line);
      return;
    }
    const { response } = this;
    if (response.writableEnded || response.destroyed) return;
    if (response.writableLength > MAX_UNREAD_BYTES) this.cut();
    else response.write(line);
  }
}
