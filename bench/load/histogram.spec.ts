import { LatencyHistogram } from './histogram.ts';

describe('LatencyHistogram', () => {
  it('reports quantiles within 1/64 of the exact ones', () => {
    const values = Array.from({ length: 10_000 }, (_, index) => Math.round(1.0015 ** index) + (index % 7));
    const histogram = new LatencyHistogram();
    for (const value of values) histogram.record(value);
    const sorted = [...values].sort((a, b) => a - b);
    for (const quantile of [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = sorted[Math.ceil(quantile * sorted.length) - 1] as number;
      const reported = histogram.quantile(quantile);
      expect(reported).toBeGreaterThanOrEqual(exact);
      expect(reported).toBeLessThanOrEqual(exact * (1 + 1 / 64));
    }
    expect(histogram.count).toBe(10_000);
    expect(histogram.max).toBe(Math.max(...values));
  });

  it('is exact for small values and holds any value', () => {
    const histogram = new LatencyHistogram();
    for (const value of [-1, 0, 63, 64, 1e12]) histogram.record(value);
    expect([0.2, 0.6, 0.8, 1].map((quantile) => histogram.quantile(quantile))).toEqual([0, 63, 64, 0xffff_ffff]);
  });

  it('is 0 when empty', () => {
    expect(new LatencyHistogram().quantile(0.5)).toBe(0);
  });
});
