import { type EventLoopUtilization, type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { registerCollector } from './metric-registry.js';

const RESOLUTION_MS = 20;
const WINDOW_MS = 10_000;

/** How late timers ran during a window, in seconds. */
export interface LoopDelay {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

const NO_DELAY: LoopDelay = { p50: 0, p90: 0, p99: 0, max: 0 };

/**
 * Watches the event loop: `event_loop_delay_seconds{quantile}` over the last one to two windows of 10 s, whoever
 * scrapes how often, and `event_loop_utilization_ratio` over the last whole window. The sampling is native; JavaScript
 * runs once per window.
 *
 * Unlike `nodejs_eventloop_lag_*` the sampling interval is not part of the numbers: an idle loop reads about 0.
 */
export class LoopMonitor {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private previous: LoopDelay = NO_DELAY;
  private before: EventLoopUtilization = performance.eventLoopUtilization();
  private utilization = 0;
  private timer: NodeJS.Timeout | undefined;
  private unregister: (() => void)[] = [];

  /** Begins to watch and registers the gauges; a second call does nothing. */
  start(): void {
    if (this.timer) return;
    this.before = performance.eventLoopUtilization();
    this.histogram.enable();
    this.timer = setInterval(() => this.turn(), WINDOW_MS).unref();
    this.unregister = [
      registerCollector('event_loop_delay_seconds', 'How late the event loop ran its timers.', ['quantile'], () => {
        const delay = this.delay();
        return [
          { labels: { quantile: '0.5' }, value: delay.p50 },
          { labels: { quantile: '0.9' }, value: delay.p90 },
          { labels: { quantile: '0.99' }, value: delay.p99 },
          { labels: { quantile: '1' }, value: delay.max },
        ];
      }),
      registerCollector('event_loop_utilization_ratio', 'Share of time that the event loop was busy.', [], () => [
        { value: this.utilization },
      ]),
    ];
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.histogram.disable();
    this.histogram.reset();
    this.previous = NO_DELAY;
    for (const unregister of this.unregister) unregister();
    this.unregister = [];
  }

  /** The worse of the running and the last window. */
  delay(): LoopDelay {
    return worse(this.read(), this.previous);
  }

  private turn(): void {
    this.previous = this.read();
    this.histogram.reset();
    this.utilization = performance.eventLoopUtilization(this.before).utilization;
    this.before = performance.eventLoopUtilization();
  }

  private read(): LoopDelay {
    if (this.histogram.count === 0) return NO_DELAY;
    const at = (percentile: number) => late(this.histogram.percentile(percentile));
    return { p50: at(50), p90: at(90), p99: at(99), max: late(this.histogram.max) };
  }
}

function worse(one: LoopDelay, other: LoopDelay): LoopDelay {
  return {
    p50: Math.max(one.p50, other.p50),
    p90: Math.max(one.p90, other.p90),
    p99: Math.max(one.p99, other.p99),
    max: Math.max(one.max, other.max),
  };
}

/** Nanoseconds between two samples, as seconds beyond the interval. */
function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3);
}
