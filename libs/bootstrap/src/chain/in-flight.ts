import { type Exchange, writeError } from '@nexus/http';
import { errors } from '@nexus/kernel';

const SWEEP_MS = 250;

/**
 * The requests being served. One timer watches all deadlines: a timer per request would cost more than the chain.
 */
export class InFlight {
  private readonly exchanges = new Set<Exchange>();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly now: () => number = Date.now) {
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.timer.unref();
  }

  get size(): number {
    return this.exchanges.size;
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
    this.exchanges.add(exchange);
  }

  /** The answer is out, or the client is gone. */
  remove(exchange: Exchange): void {
    this.exchanges.delete(exchange);
  }

  /** Requests that never end by themselves (streams) are told to, at shutdown. */
  cancelStreams(): void {
    for (const exchange of this.exchanges) if (exchange.route?.produces === 'sse') exchange.cancel();
  }

  close(): void {
    clearInterval(this.timer);
  }

  private sweep(): void {
    const now = this.now();
    for (const exchange of this.exchanges) {
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
