import { describe, expect, test } from '@jest/globals';
import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { eventually } from '@nexus/testing';
import { Health, type ReadinessCheck, type Shortcomings } from './health.js';

async function healthWith(peers: ReadinessCheck[], shortcomings?: Shortcomings): Promise<Health> {
  const module = await Test.createTestingModule({ imports: [TerminusModule] }).compile();
  const health = new Health(
    module.get(HealthCheckService),
    module.get(HealthIndicatorService),
    [],
    peers,
    shortcomings,
  );
  health.markReady();
  return health;
}

describe('a ready process', () => {
  test('names the services that it cannot reach, and says soon when that has changed', async () => {
    let away = true;
    const health = await healthWith([
      { name: 'auth', check: async () => undefined },
      { name: 'file', check: () => (away ? Promise.reject(new Error('refused')) : Promise.resolve()) },
    ]);
    expect([await health.readiness(), await health.ready()]).toEqual([undefined, { status: 'ok', missing: ['file'] }]);
    away = false;
    let found: readonly string[] | undefined = ['file'];
    await eventually(() => {
      void health.ready().then(({ missing }) => {
        found = missing;
      });
      return found === undefined;
    }, 'nobody is missing');
  });

  test('looks at them once, however many ask, and does not wait for one that hangs', async () => {
    let looks = 0;
    const health = await healthWith([
      {
        name: 'user',
        check: () => {
          looks++;
          return new Promise(() => undefined);
        },
      },
    ]);
    const from = performance.now();
    const answers = await Promise.all(Array.from({ length: 100 }, () => health.ready()));
    expect(performance.now() - from).toBeLessThan(1_900);
    expect([looks, answers[99]]).toEqual([1, { status: 'ok', missing: ['user'] }]);
  });

  test('says what is impaired, and how many requests it takes when it refuses some, and is ready all the same', async () => {
    let isWell = false;
    const health = await healthWith([], {
      impaired: () => (isWell ? [] : [{ service: 'project', circuit: 'open', ejected: 1 }]),
      limit: () => (isWell ? undefined : 140),
    });
    expect([await health.readiness(), await health.ready()]).toEqual([
      undefined,
      { status: 'ok', impaired: [{ service: 'project', circuit: 'open', ejected: 1 }], limited: { requests: 140 } },
    ]);
    isWell = true;
    expect(await health.ready()).toEqual({ status: 'ok' });
  });
});
