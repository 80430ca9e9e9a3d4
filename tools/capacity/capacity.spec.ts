import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LEAST_PODS, PLANNED_LOAD, planFor, SHARES, TYPICAL } from './model.ts';
import { PER_POD, SERVICE_NAMES } from './per-pod.ts';
import { podTable, sizeTable } from './tables.ts';

const handbook = readFileSync(path.resolve(import.meta.dirname, '../../docs/operations.md'), 'utf8');

const demand = fc.record({
  users: fc.integer({ min: 0, max: 5_000_000 }),
  requestsPerMinute: fc.integer({ min: 0, max: 600 }),
  signInsPerHour: fc.integer({ min: 0, max: 60 }),
  megabytesPerUser: fc.integer({ min: 0, max: 10_000 }),
});

describe('the capacity model', () => {
  test('is the one of the handbook', () => {
    expect(handbook).toContain(podTable());
    expect(handbook).toContain(sizeTable());
  });

  test('gives every service what it is asked for, and no pod more than it is planned for', () => {
    expect(Object.values(SHARES).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
    fc.assert(
      fc.property(demand, (asked) => {
        const plan = planFor(asked);
        const perSecond = (asked.users * asked.requestsPerMinute) / 60;
        const signIns = (asked.users * asked.signInsPerHour) / 3_600;
        const load = { ...SHARES, gateway: 1, auth: 0 };
        for (const name of SERVICE_NAMES) {
          const asks = load[name] * perSecond + (name === 'gateway' || name === 'auth' ? signIns : 0);
          expect(asks).toBeLessThanOrEqual(plan.pods[name] * PER_POD[name] * PLANNED_LOAD + 1e-6);
          // And one pod less would not do, unless there are the least there may be.
          if (plan.pods[name] > LEAST_PODS)
            expect(asks).toBeGreaterThan((plan.pods[name] - 1) * PER_POD[name] * PLANNED_LOAD);
        }
        const { gateway, ...withData } = plan.pods;
        const pods = Object.values(withData).reduce((sum, count) => sum + count, 0);
        expect(plan.totalPods).toBe(pods + gateway);
        expect(plan.connections).toBe((pods + 5) * 30 + 20);
        expect(plan.cpus).toBe(plan.totalPods / 2);
      }),
    );
  });

  test('grows with what is asked for', () => {
    const small = planFor({ users: 1_000, ...TYPICAL });
    expect(Object.values(small.pods)).toEqual([3, 3, 3, 3, 3, 3]);
    const large = planFor({ users: 1_000_000, ...TYPICAL });
    for (const name of SERVICE_NAMES) expect(large.pods[name]).toBeGreaterThan(small.pods[name]);
    expect(large.filesTb).toBeCloseTo((1_000_000 * TYPICAL.megabytesPerUser) / 1024 ** 2, 1);
  });
});
