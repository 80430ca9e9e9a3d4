import type { MetricLine } from './metric-registry.js';

/** One series of a histogram of Prometheus. Recording allocates nothing. */
export class HistogramSeries {
  /** Per bucket, not cumulative; the last one is above all bounds. */
  private readonly buckets: Float64Array;
  private sum = 0;

  /** @param bounds upper bounds, growing */
  constructor(
    private readonly labels: Readonly<Record<string, string>>,
    private readonly bounds: readonly number[],
  ) {
    this.buckets = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket += 1;
    this.buckets[bucket] = (this.buckets[bucket] as number) + 1;
    this.sum += value;
  }

  /** @param name of the metric */
  lines(name: string): MetricLine[] {
    const labels = this.labels;
    const lines: MetricLine[] = [];
    let count = 0;
    this.buckets.forEach((held, index) => {
      count += held;
      lines.push({
        metricName: `${name}_bucket`,
        labels: { ...labels, le: this.bounds[index] ?? '+Inf' },
        value: count,
      });
    });
    lines.push({ metricName: `${name}_sum`, labels, value: this.sum });
    lines.push({ metricName: `${name}_count`, labels, value: count });
    return lines;
  }
}
