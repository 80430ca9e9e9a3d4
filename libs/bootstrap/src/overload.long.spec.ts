import { pbkdf2Sync } from 'node:crypto';
import { getPriority, setPriority } from 'node:os';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { Endpoint } from '@nexus/http';
import { renderMetrics } from '@nexus/observability';
import { type LoadCounts, type LoadKind, LoadProcess, startTestApp, type TestApp } from '@nexus/testing';
import { z } from 'zod';
import { defineService } from './define-service.js';

const WORK_MS = 2;
let rounds = 1_000;

/** About {@link WORK_MS} of CPU time. */
const work = () => void pbkdf2Sync('a', 'b', rounds, 32, 'sha256');

function calibrate(): void {
  const tries = Array.from({ length: 50 }, () => {
    const from = performance.now();
    work();
    return performance.now() - from;
  });
  rounds = Math.round((rounds * WORK_MS) / Math.min(...tries.slice(10)));
}

const done = z.object({ done: z.boolean() });

@Controller('api/v1/work')
class WorkController {
  @Endpoint('GET', '', { operation: 'readWork', summary: 'Read', response: done })
  read() {
    work();
    return { done: true };
  }

  @Endpoint('DELETE', '', { operation: 'writeWork', summary: 'Write', response: done })
  write() {
    work();
    return { done: true };
  }

  @Public()
  @Endpoint('DELETE', 'session', { operation: 'signWork', summary: 'Sign in', response: done, priority: 'sign_in' })
  sign() {
    work();
    return { done: true };
  }
}

@Module({ controllers: [WorkController] })
class WorkModule {}

/** Whose success is critical comes first. */
const kinds = (token: string): LoadKind[] => [
  { name: 'health', share: 0.02, method: 'GET', path: '/health/live' },
  { name: 'sign_in', share: 0.1, method: 'DELETE', path: '/api/v1/work/session' },
  { name: 'write', share: 0.2, method: 'DELETE', path: '/api/v1/work', fields: [`authorization: Bearer ${token}`] },
  { name: 'read', share: 0.68, method: 'GET', path: '/api/v1/work', fields: [`authorization: Bearer ${token}`] },
];
/** Those that cost something. */
const WORKING = ['sign_in', 'write', 'read'];
const CRITICAL = ['health', 'sign_in'];

let app: TestApp;
let load: LoadProcess;

/** Where that is allowed, others on this machine wait: what is measured is this process against its load. */
function goBefore(pid: number): void {
  try {
    setPriority(pid, -15);
  } catch {
    // The figures are by CPU time, so that they hold without, if less well.
  }
}
const usual = getPriority();

beforeAll(async () => {
  goBefore(process.pid);
  calibrate();
  const service = defineService({ name: 'auth', port: 0, module: async () => WorkModule });
  const limits = ['ANONYMOUS', 'USER', 'ADMIN', 'ADDRESS'].map((tier) => [`RATE_LIMIT_${tier}`, '1000000000']);
  app = await startTestApp({
    services: [service],
    env: {
      ...Object.fromEntries(limits),
      GATEWAY_CONNECTIONS_PER_ADDRESS: '10000',
      GATEWAY_REQUESTS_PER_CONNECTION: '0',
    },
  });
  load = await LoadProcess.start(Number(new URL(app.url).port), kinds(app.token()));
  goBefore(load.pid);
}, 60_000);

afterAll(async () => {
  setPriority(process.pid, usual);
  await load?.stop();
  await app?.stop();
});

const sum = (counts: Record<string, number>, names: readonly string[]) =>
  names.reduce((total, name) => total + (counts[name] ?? 0), 0);

interface Measured extends LoadCounts {
  /** Requests done per second. */
  readonly perSecond: number;
  /** The same per second of the processor's time, as far as the event loop was busy: others use the machine, too. */
  readonly perCpuSecond: number;
}

async function measure(rate: number, seconds: number): Promise<Measured> {
  const before = performance.eventLoopUtilization();
  const cpu = process.cpuUsage();
  const from = performance.now();
  const sent = load.send(rate, seconds);
  await new Promise((later) => setTimeout(later, seconds * 1_000));
  const { user, system } = process.cpuUsage(cpu);
  const { utilization } = performance.eventLoopUtilization(before);
  const share = (user + system) / 1_000 / (performance.now() - from);
  const counts = await sent;
  const perSecond = sum(counts.good, WORKING) / counts.seconds;
  return { ...counts, perSecond, perCpuSecond: (perSecond / share) * Math.min(1, utilization) };
}

/** Requests refused so far, by priority. */
async function shedSoFar(): Promise<Record<string, number>> {
  const { body } = await renderMetrics();
  const lines = body.matchAll(/^http_server_shed_requests_total\{priority="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries(Array.from(lines, ([, priority, count]) => [priority, Number(count)]));
}

test('three times what a process can do leaves what it does as it is, and who signs in notices nothing', async () => {
  await measure(0, 2);
  const peak = await measure(0, 5);
  const before = await shedSoFar();
  const over = await measure(peak.perSecond * 3, 12);
  const shed = await shedSoFar();
  const goodput = over.perCpuSecond / peak.perCpuSecond;
  const critical = sum(over.good, CRITICAL) / sum(over.sent, CRITICAL);
  process.stdout.write(
    `R2: goodput / peak ${goodput.toFixed(3)} (by the clock ${(over.perSecond / peak.perSecond).toFixed(3)}), ` +
      `critical requests served ${(critical * 100).toFixed(2)} %; of ${JSON.stringify(over.sent)} served ` +
      `${JSON.stringify(over.good)}, the slowest in ${Math.round(over.slowestMs)} ms\n`,
  );
  // Not even at all it can do does it refuse anything.
  expect(Object.values(before)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(goodput).toBeGreaterThanOrEqual(0.9);
  expect(critical).toBeGreaterThanOrEqual(0.994);
  expect([shed.health, shed.sign_in]).toEqual([0, 0]);
  expect(shed.user_read).toBeGreaterThan(shed.user_write as number);
  const ready = (await app.call('GET', '/health/ready')).body as { data: { limited?: { requests: number } } };
  expect(ready.data.limited?.requests).toBeGreaterThanOrEqual(128);
}, 120_000);
