import { type Exchange, writeError } from '@nexus/http';
import { errors } from '@nexus/kernel';

const SWEEP_MS = 250;

/**
 * The requests being served. One timer watches all deadlines: a timer per request would cost more than the chain.
 *
 * A list in which each request knows its place, not a set: the tables of a set that is written to all the time grow old,
 * and what they still point to survives young garbage collections (a tenth of the CPU time of a proxied request).
 */
export class InFlight {
  private readonly exchanges: Exchange[] = [];
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly now: () => number = Date.now) {
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.timer.unref();
  }

  get size(): number {
    return this.exchanges.length;
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

  private sweep(): void {
    const now = this.now();
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
}
