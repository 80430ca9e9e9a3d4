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

/** How often {@link work} was done, and the microseconds of this thread's CPU time that went into it. */
let jobs = 0;
let worked = 0;
const threadMicros = () => {
  const { user, system } = process.threadCpuUsage();
  return user + system;
};

/** About {@link WORK_MS} of CPU time. */
function work(): void {
  const from = threadMicros();
  pbkdf2Sync('a', 'b', rounds, 32, 'sha256');
  worked += threadMicros() - from;
  jobs++;
}

/** Makes the work {@link WORK_MS} long by what it has taken so far: under load, as it will be measured. */
function calibrate(): void {
  rounds = Math.round((rounds * WORK_MS * 1_000 * jobs) / worked);
  jobs = 0;
  worked = 0;
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
  /**
   * Share of the time the process had that went into the work of requests that were answered well: all the rest was
   * spent on protocol, on refusing, on waiting with an empty event loop. A processor that runs faster or slower than a
   * moment ago (others use this machine, too) does both in the same measure, so that two such shares can be compared
   * and two rates cannot.
   */
  readonly useful: number;
}

async function measure(rate: number, seconds: number): Promise<Measured> {
  const before = performance.eventLoopUtilization();
  const cpu = process.cpuUsage();
  const [workedBefore, jobsBefore] = [worked, jobs];
  const sent = load.send(rate, seconds);
  await new Promise((later) => setTimeout(later, seconds * 1_000));
  const { user, system } = process.cpuUsage(cpu);
  const { utilization } = performance.eventLoopUtilization(before);
  const share = ((worked - workedBefore) / (user + system)) * Math.min(1, utilization);
  const counts = await sent;
  const good = sum(counts.good, WORKING);
  return { ...counts, perSecond: good / counts.seconds, useful: share * Math.min(1, good / (jobs - jobsBefore)) };
}

/** Requests refused so far, by priority. */
async function shedSoFar(): Promise<Record<string, number>> {
  const { body } = await renderMetrics();
  const lines = body.matchAll(/^http_server_shed_requests_total\{priority="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries(Array.from(lines, ([, priority, count]) => [priority, Number(count)]));
}

const difference = (later: Record<string, number>, before: Record<string, number>) =>
  Object.fromEntries(Object.entries(later).map(([name, count]) => [name, count - (before[name] ?? 0)]));

/** What a process can do at most, and three times that sent to it right after. */
interface Pair {
  readonly peak: Measured;
  readonly over: Measured;
  readonly goodput: number;
  /** Share of the critical requests that were served. */
  readonly critical: number;
  /** Requests refused, by priority. */
  readonly shed: Record<string, number>;
}

const middle = (pairs: readonly Pair[], by: (pair: Pair) => number) =>
  pairs.toSorted((one, other) => by(one) - by(other))[1] as Pair;

test('three times what a process can do leaves what it does as it is, and who signs in notices nothing', async () => {
  for (let warm = 0; warm < 2; warm++) {
    await measure(0, 2);
    calibrate();
  }
  const pairs: Pair[] = [];
  let atFirstPeak: Record<string, number> | undefined;
  for (let pair = 0; pair < 3; pair++) {
    const peak = await measure(0, 4);
    const before = await shedSoFar();
    atFirstPeak ??= before;
    const over = await measure(peak.perSecond * 3, 8);
    const shed = difference(await shedSoFar(), before);
    const critical = sum(over.good, CRITICAL) / sum(over.sent, CRITICAL);
    pairs.push({
      peak,
      over,
      goodput: over.useful / peak.useful,
      critical,
      shed,
    });
  }
  const { peak, over, shed, goodput } = middle(pairs, (pair) => pair.goodput);
  const { critical } = middle(pairs, (pair) => pair.critical);
  process.stdout.write(
    `R2: goodput / peak ${pairs.map((pair) => pair.goodput.toFixed(3)).join(', ')} (in the middle one by the clock ` +
      `${(over.perSecond / peak.perSecond).toFixed(3)}), critical requests served ` +
      `${pairs.map((pair) => `${(pair.critical * 100).toFixed(2)} %`).join(', ')}; of ${JSON.stringify(over.sent)} ` +
      `served ${JSON.stringify(over.good)}, refused ${JSON.stringify(shed)}, the slowest in ` +
      `${Math.round(over.slowestMs)} ms\n`,
  );
  expect(goodput).toBeGreaterThanOrEqual(0.9);
  // Where all of the machine stood still for some tenths of a second, what had come meanwhile is too much at once.
  expect(critical).toBeGreaterThanOrEqual(0.994);
  // Not even at all it can do does it refuse anything.
  expect(Object.values(atFirstPeak ?? {})).toEqual([0, 0, 0, 0, 0, 0]);
  for (const pair of pairs) {
    expect(pair.shed.health).toBe(0);
    expect(pair.shed.user_read).toBeGreaterThan(pair.shed.user_write as number);
    expect(pair.shed.user_write).toBeGreaterThan(pair.shed.sign_in as number);
  }
  const ready = (await app.call('GET', '/health/ready')).body as { data: { limited?: { requests: number } } };
  expect(ready.data.limited?.requests).toBeGreaterThanOrEqual(128);
}, 120_000);
