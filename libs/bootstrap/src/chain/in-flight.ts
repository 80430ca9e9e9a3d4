import { type Exchange, writeError } from '@nexus/http';
import { errors } from '@nexus/kernel';

const SWEEP_MS = 250;
/** How long nothing at all may move on the connection of a request, in ms: whoever is silent for longer is not there. */
const SILENCE_MS = 120_000;
/** How often that is looked at, in ms. */
const LOOK_MS = 10_000;

/** Bytes that had moved on a connection when they were last seen moving. */
interface Movement {
  readonly bytes: number;
  readonly at: number;
}

/**
 * The requests being served. One timer watches all deadlines: a timer per request would cost more than the chain.
 *
 * A list in which each request knows its place, not a set: the tables of a set that is written to all the time grow old,
 * and what they still point to survives young garbage collections (a tenth of the CPU time of a proxied request).
 */
export class InFlight {
  private readonly exchanges: Exchange[] = [];
  private readonly timer: NodeJS.Timeout;
  private movements = new Map<Exchange, Movement>();
  private lookedAt = 0;

  /** @param everySweep also done each 250 ms */
  constructor(
    private readonly now: () => number = Date.now,
    private readonly everySweep: () => void = () => undefined,
  ) {
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.timer.unref();
  }

  get size(): number {
    return this.exchanges.length;
  }

  /** Those that are there now. */
  get all(): readonly Exchange[] {
    return [...this.exchanges];
  }

  /** How many are being served, by service; counted when asked, so that requests pay nothing. */
  byService(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { route } of this.exchanges) {
      const service = route?.service ?? 'gateway';
      counts.set(service, (counts.get(service) ?? 0) + 1);
    }
    return counts;
  }

  add(exchange: Exchange): void {
    exchange.place = this.exchanges.push(exchange) - 1;
  }

  /** The answer is out, or the client is gone. */
  remove(exchange: Exchange): void {
    const { place } = exchange;
    if (this.exchanges[place] !== exchange) return;
    const last = this.exchanges.pop() as Exchange;
    exchange.place = -1;
    if (last === exchange) return;
    this.exchanges[place] = last;
    last.place = place;
  }

  /** Requests that never end by themselves (streams) are told to, at shutdown. */
  cancelStreams(): void {
    for (const exchange of [...this.exchanges]) if (exchange.route?.produces === 'sse') exchange.cancel();
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** Ends what is over its time, or has lost its client. */
  sweep(): void {
    this.everySweep();
    const now = this.now();
    if (now - this.lookedAt >= LOOK_MS) this.endSilent(now);
    for (const exchange of [...this.exchanges]) {
      if (now < exchange.deadline || exchange.response.headersSent) continue;
      exchange.cancel();
      if (exchange.request.complete) {
        writeError(exchange, errors.timed_out());
        continue;
      }
      // What is missing of the body will not be waited for.
      exchange.close = true;
      writeError(exchange, errors.request_timeout());
    }
  }

  /**
   * Node's own time-out of a connection does the same with a timer that every request sets twice and every read and
   * write sets anew. A connection with another protocol is left to whoever speaks it.
   */
  private endSilent(now: number): void {
    this.lookedAt = now;
    const known = this.movements;
    this.movements = new Map();
    for (const exchange of [...this.exchanges]) {
      const { socket, upgrade } = exchange.request as typeof exchange.request & { readonly upgrade?: unknown };
      if (upgrade === true) continue;
      const bytes = socket.bytesRead + socket.bytesWritten;
      const before = known.get(exchange);
      const movement = before?.bytes === bytes ? before : { bytes, at: now };
      if (now - movement.at < SILENCE_MS) {
        this.movements.set(exchange, movement);
        continue;
      }
      exchange.cancel();
      socket.destroy();
    }
  }
}
