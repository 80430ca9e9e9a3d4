import type { IncomingMessage, ServerResponse } from 'node:http';
import { LineReader, MAX_FOLLOWER_LINE_BYTES, STREAM_TYPE } from '@nexus/clients';
import type { StreamWatch } from '@nexus/contracts';
import { z } from 'zod';
import { Receipts } from './receipts.js';

/** What a follower may leave unread; beyond it, it is cut off: it will come again and ask for what it missed. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** How long a follower may take to leave when it is asked to. */
const END_MS = 1_000;
const END = '{"end":true}\n';

/** A member of a port that is a stream. */
export type Subscribe = (listener: (entry: unknown) => Promise<void>, watch?: StreamWatch) => () => void;

/** Who follows, from another process. */
export interface Follower {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** Told when it is cut off because it acknowledges nothing. */
  readonly late: () => void;
}

const word = z.object({ at: z.number().optional(), seen: z.int().min(0).optional() });

/**
 * One follower of a stream: a line of JSON for each entry, which it acknowledges, and signs of life when it asks for one
 * and the provider itself is well. Who does not acknowledge an entry in time is cut off, and so knows that it may have
 * missed something.
 */
export class OutgoingStream {
  private readonly response: ServerResponse;
  private readonly words = new LineReader(MAX_FOLLOWER_LINE_BYTES);
  private readonly receipts: Receipts;
  private readonly early: string[] = [];
  private stop: (() => void) | undefined;
  private begun = false;
  private well = true;
  private ending: NodeJS.Timeout | undefined;

  /**
   * Subscribes first and answers then: what is told after the answer began is never missed.
   * @throws what the provider throws; nothing is answered then
   */
  constructor({ request, response, requestId, late }: Follower, subscribe: Subscribe, ended: () => void) {
    this.response = response;
    this.receipts = new Receipts(() => {
      late();
      this.cut();
    });
    this.stop = subscribe(
      (entry) => {
        const receipt = this.receipts.expect();
        this.write(`${JSON.stringify({ entry })}\n`);
        return receipt;
      },
      {
        lost: () => {
          this.well = false;
        },
        opened: () => {
          // What was missed is not told again: the follower has to begin anew, and ask.
          this.well = true;
          if (this.begun) this.cut();
        },
        beat: () => undefined,
      },
    );
    response.once('close', () => {
      this.leave();
      ended();
    });
    response.writeHead(200, ['Content-Type', STREAM_TYPE, 'Cache-Control', 'no-store', 'X-Request-Id', requestId]);
    if (this.early.length === 0) response.flushHeaders();
    else response.write(this.early.join(''));
    this.begun = true;
    request.on('data', (chunk: Buffer) => this.hear(chunk));
    request.once('end', () => this.finish());
    request.on('error', () => undefined);
  }

  /** Asks the follower to leave; it follows elsewhere before it does. */
  end(): void {
    if (this.ending) return;
    this.write(END);
    this.ending = setTimeout(() => this.cut(), END_MS).unref();
  }

  /** The follower says no more: it has left. */
  private finish(): void {
    this.leave();
    this.response.end();
  }

  private cut(): void {
    this.leave();
    this.response.destroy();
  }

  private leave(): void {
    this.stop?.();
    this.stop = undefined;
    this.receipts.drop();
  }

  private hear(chunk: Buffer): void {
    if (!this.stop) return;
    try {
      for (const text of this.words.read(chunk)) {
        const { at, seen } = word.parse(JSON.parse(text) as unknown);
        if (seen !== undefined) this.receipts.take(seen);
        // Everything up to now is on its way before it.
        if (at !== undefined && this.well) this.write(`${JSON.stringify({ at })}\n`);
      }
    } catch {
      this.cut();
    }
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
