import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type LoadKind, LoadProcess } from '@nexus/testing';
import { cpuMsOf } from '../../bench/machine.js';
import { POD } from '../../tools/pods/pod-limits.js';
import { describeFound } from '../support/describe-found.js';
import type { Instance } from './support/instance.js';
import { call, type Person, register } from './support/people.js';
import { PodFleet, podLimits } from './support/pod-fleet.js';

const START_MS = 10_000;
/** At half a processor compiling what is hot takes its time. */
const WARM_SECONDS = 10;
const PEAK_SECONDS = 6;
/** Of what is done at its best. */
const GOODPUT = 0.5;
/** As many as a balancer keeps. */
const CONNECTIONS = 500;
const OVER_SECONDS = 10;

let platform: PodFleet;
let person: Person;
const startMs = new Map<string, number>();
const startCpuMs = new Map<string, number>();

describeFound('a pod of half a processor and 512 MiB', podLimits, () => {
  beforeAll(async () => {
    platform = await PodFleet.prepare({});
    for (const instance of platform.fleet.instances) {
      const from = performance.now();
      await instance.start();
      startMs.set(instance.targets, Math.round(performance.now() - from));
      startCpuMs.set(instance.targets, cpuMsOf(platform.pod(instance.targets).pids));
    }
    person = await register(platform.fleet.url);
  }, 180_000);

  afterAll(() => platform?.close());

  test('starts within 10 s', () => {
    process.stdout.write(
      `started after, in ms: ${JSON.stringify(Object.fromEntries(startMs))}, of CPU ${JSON.stringify(Object.fromEntries(startCpuMs))}\n`,
    );
    // By the time of its processor, which it does not have to itself here.
    expect(Math.max(...startCpuMs.values()) / POD.cpus).toBeLessThanOrEqual(START_MS);
  });

  test.each([
    ['a gateway', 'gateway'],
    ['a service', 'project'],
  ] as const)(
    '%s, asked for three times what it can do, goes on, refuses in order, and is not killed for its memory',
    async (_name, bound) => {
      platform.throttleOnly(bound);
      const { fleet, pods } = platform;
      const { data } = await call<{ id: string }>(fleet.url, 'POST', '/api/v1/projects', {
        token: person.token,
        body: { name: 'Under load' },
      });
      const fields = [`authorization: Bearer ${person.token}`, 'cache-control: no-cache'];
      const path = bound === 'gateway' ? `/api/v1/projects/${data.id}` : '/api/v1/projects?limit=20';
      // Of one priority: writes are served before reads, and cost more, so that numbers of both would not compare.
      const kinds: LoadKind[] = [{ name: 'read', share: 1, method: 'GET', path, fields }];
      const load = await LoadProcess.start(fleet.instances.at(-1)?.port as number, kinds, CONNECTIONS);
      try {
        await load.send(0, WARM_SECONDS);
        const peak = await load.send(0, PEAK_SECONDS);
        const perSecond = (peak.good.read ?? 0) / peak.seconds;
        const over = await load.send(3 * perSecond, OVER_SECONDS);
        const overPerSecond = (over.good.read ?? 0) / over.seconds;
        const after = await load.send(0, PEAK_SECONDS);
        const afterPerSecond = (after.good.read ?? 0) / after.seconds;
        const usage = [...pods].map(([service, pod]) => [service, pod.usage] as const);
        process.stdout.write(
          `${bound}: at its best ${perSecond.toFixed(0)} requests/s, asked for three times as many ` +
            `${overPerSecond.toFixed(0)}, afterwards ${afterPerSecond.toFixed(0)}; ${JSON.stringify(over.statuses)}; memory at ` +
            `most, in MiB: ${usage.map(([service, { peakBytes }]) => `${service} ${Math.round(peakBytes / 1024 ** 2)}`).join(', ')}\n`,
        );
        expect(Object.keys(over.statuses).filter((status) => !['200', '503'].includes(status))).toEqual([]);
        expect(overPerSecond).toBeGreaterThanOrEqual(GOODPUT * perSecond);
        expect(afterPerSecond).toBeGreaterThanOrEqual(0.5 * perSecond);
        expect(usage.filter(([, { killed }]) => killed > 0)).toEqual([]);
        expect(fleet.instances.filter((instance: Instance) => instance.hasEnded)).toEqual([]);
      } finally {
        await load.stop();
      }
    },
    120_000,
  );

  test('ends in order', async () => {
    for (const instance of [...platform.fleet.instances].reverse()) await instance.stop();
  }, 120_000);
});
