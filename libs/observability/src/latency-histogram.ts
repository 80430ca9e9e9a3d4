import { HistogramSeries } from './histogram-series.js';
import { type RegistryMetric, registerMetric } from './metric-registry.js';

/** Times of a few kinds of work, in a histogram of Prometheus with one label; kept until it is asked for. */
export class LatencyHistogram implements RegistryMetric {
  private readonly series = new Map<string, HistogramSeries>();

  /**
   * @param name snake_case, ends in `_seconds`
   * @param label by which the kinds are told apart
   * @param bounds upper bounds in seconds, growing
   */
  constructor(
    readonly name: string,
    private readonly help: string,
    private readonly label: string,
    private readonly bounds: readonly number[],
  ) {}

  /** @param kind one of few: each has a series of its own */
  observe(kind: string, seconds: number): void {
    let series = this.series.get(kind);
    if (!series) {
      series = new HistogramSeries({ [this.label]: kind }, this.bounds);
      this.series.set(kind, series);
    }
    series.observe(seconds);
  }

  async get(): ReturnType<RegistryMetric['get']> {
    const values = [...this.series.values()].flatMap((series) => series.lines(this.name));
    return { name: this.name, help: this.help, type: 'histogram', aggregator: 'sum', values };
  }

  reset(): void {
    this.series.clear();
  }

  /** Has it told at each scrape, in place of another one of its name. */
  register(): void {
    registerMetric(this);
  }
}
