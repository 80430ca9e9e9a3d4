import { describe, expect, test } from '@jest/globals';
import { LocalRateLimiter } from '@nexus/throttling';

const CALLERS = 10_000;
const DECISIONS = 500_000;
const ROUNDS = 7;

describe('a limit in one process', () => {
  test('costs at most half a microsecond for each decision (L1)', () => {
    const limiter = new LocalRateLimiter();
    const keys = Array.from({ length: CALLERS }, (_, i) => `01900000-0000-7000-8000-${String(i).padStart(12, '0')}`);
    const costs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const from = process.cpuUsage();
      for (let i = 0; i < DECISIONS; i += 1) limiter.consume(keys[(i * 7_919) % CALLERS] as string, 1_000, 60_000);
      const { user, system } = process.cpuUsage(from);
      costs.push((user + system) / DECISIONS);
    }
    const median = costs.sort((a, b) => a - b)[ROUNDS >> 1] as number;
    console.log(`L1: ${median.toFixed(3)} µs per decision, ${CALLERS} callers`);
    expect(median).toBeLessThanOrEqual(0.5);
  });
});
