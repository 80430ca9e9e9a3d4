import { type MetricLine, type RegistryMetric, registerMetric } from './metric-registry.js';

/** Times of a few kinds of work, in a histogram of Prometheus with one label; kept until it is asked for. */
export class LatencyHistogram implements RegistryMetric {
  private readonly series = new Map<string, { readonly buckets: Float64Array; sum: number }>();

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
      series = { buckets: new Float64Array(this.bounds.length + 1), sum: 0 };
      this.series.set(kind, series);
    }
    let bucket = 0;
    while (bucket < this.bounds.length && seconds > (this.bounds[bucket] as number)) bucket += 1;
    series.buckets[bucket] = (series.buckets[bucket] as number) + 1;
    series.sum += seconds;
  }

  async get(): ReturnType<RegistryMetric['get']> {
    const values: MetricLine[] = [];
    for (const [kind, { buckets, sum }] of this.series) {
      const labels = { [this.label]: kind };
      let count = 0;
      buckets.forEach((held, i) => {
        count += held;
        values.push({
          metricName: `${this.name}_bucket`,
          labels: { ...labels, le: this.bounds[i] ?? '+Inf' },
          value: count,
        });
      });
      values.push(
        { metricName: `${this.name}_sum`, labels, value: sum },
        { metricName: `${this.name}_count`, labels, value: count },
      );
    }
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
