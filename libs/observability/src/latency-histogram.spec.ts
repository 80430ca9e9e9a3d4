import { afterEach, describe, expect, test } from '@jest/globals';
import { LatencyHistogram } from './latency-histogram.js';
import { renderMetrics, resetMetrics } from './metric-registry.js';

afterEach(() => resetMetrics());

describe('times of a few kinds of work', () => {
  test('are told as a histogram of each kind', async () => {
    const histogram = new LatencyHistogram('look_up_seconds', 'Look-ups.', 'tier', [0.001, 0.01]);
    histogram.register();
    for (const seconds of [0.0005, 0.001, 0.005, 3]) histogram.observe('l2', seconds);
    histogram.observe('l1', 0);
    const { body } = await renderMetrics();
    expect(body.split('\n').filter((line) => line.includes('look_up_seconds'))).toEqual([
      '# HELP look_up_seconds Look-ups.',
      '# TYPE look_up_seconds histogram',
      'look_up_seconds_bucket{tier="l2",le="0.001"} 2',
      'look_up_seconds_bucket{tier="l2",le="0.01"} 3',
      'look_up_seconds_bucket{tier="l2",le="+Inf"} 4',
      'look_up_seconds_sum{tier="l2"} 3.0065',
      'look_up_seconds_count{tier="l2"} 4',
      'look_up_seconds_bucket{tier="l1",le="0.001"} 1',
      'look_up_seconds_bucket{tier="l1",le="0.01"} 1',
      'look_up_seconds_bucket{tier="l1",le="+Inf"} 1',
      'look_up_seconds_sum{tier="l1"} 0',
      'look_up_seconds_count{tier="l1"} 1',
    ]);
  });
});
