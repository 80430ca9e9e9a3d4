import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { DURATION_BUCKETS, HttpMetrics, type HttpObservation, httpMetrics } from './http-metrics.js';
import { LoopMonitor } from './loop-monitor.js';
import { registerCollector, renderMetrics, resetMetrics, type Sample } from './metric-registry.js';

afterEach(() => resetMetrics());

interface Line {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

const LINE = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/sy;

/** Reads the text format 0.0.4 strictly: every line is one of a known metric, no sample comes twice. */
function parse(body: string): { lines: Line[]; types: Map<string, string> } {
  const types = new Map<string, string>();
  const seen = new Set<string>();
  const lines: Line[] = [];
  expect(body.endsWith('\n')).toBe(true);
  for (const text of body.split('\n')) {
    if (text === '' || text.startsWith('# HELP ')) continue;
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(text);
    if (type) {
      expect(types.has(type[1]!)).toBe(false);
      types.set(type[1]!, type[2]!);
      continue;
    }
    const match = LINE.exec(text);
    if (!match) throw new Error(`Not a sample: ${text}`);
    const labels: Record<string, string> = {};
    const [, name, inside = '', value] = match as unknown as [string, string, string | undefined, string];
    LABEL.lastIndex = 0;
    while (LABEL.lastIndex < inside.length) {
      const label = LABEL.exec(inside);
      if (!label) throw new Error(`Not labels: ${text}`);
      labels[label[1]!] = label[2]!.replace(/\\(.)/gs, (_all, c: string) => (c === 'n' ? '\n' : c));
    }
    if (!types.has(name) && !types.has(name.replace(/_(bucket|sum|count)$/, ''))) throw new Error(`No type: ${text}`);
    const key = `${name}${JSON.stringify(labels)}`;
    if (seen.has(key)) throw new Error(`Twice: ${text}`);
    seen.add(key);
    lines.push({ name, labels, value: Number(value) });
  }
  return { lines, types };
}

async function scrape() {
  const { contentType, body } = await renderMetrics();
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  const { lines, types } = parse(body);
  const find = (name: string, labels: Record<string, string> = {}) =>
    lines.filter(
      (line) => line.name === name && Object.entries(labels).every(([key, value]) => line.labels[key] === value),
    );
  const value = (name: string, labels?: Record<string, string>) => find(name, labels)[0]?.value;
  return { lines, types, find, value };
}

const request: HttpObservation = {
  service: 'user',
  route: '/users/:id',
  method: 'GET',
  status: 200,
  durationSeconds: 0.02,
};
const NAME = 'http_server_request_duration_seconds';

describe('request durations', () => {
  it('are a histogram by service, route, method and status', async () => {
    const metrics = httpMetrics();
    metrics.observe(request);
    metrics.observe({ ...request, durationSeconds: 0.3 });
    metrics.observe({ ...request, durationSeconds: 60 });
    metrics.observe({ ...request, status: 404, method: 'DELETE' });
    const { types, find, value } = await scrape();
    expect(types.get(NAME)).toBe('histogram');
    const ok = { service: 'user', route: '/users/:id', method: 'GET', status: '200' };
    const bounds = find(`${NAME}_bucket`, ok).map((line) => [line.labels.le, line.value]);
    expect(bounds).toEqual([
      ['0.005', 0],
      ['0.01', 0],
      ['0.025', 1],
      ['0.05', 1],
      ['0.1', 1],
      ['0.25', 1],
      ['0.5', 2],
      ['1', 2],
      ['2.5', 2],
      ['5', 2],
      ['10', 2],
      ['+Inf', 3],
    ]);
    expect(value(`${NAME}_count`, ok)).toBe(3);
    expect(value(`${NAME}_sum`, ok)).toBeCloseTo(60.32);
    expect(value(`${NAME}_count`, { method: 'DELETE', status: '404' })).toBe(1);
  });

  it('count as prom-client itself would count them', async () => {
    const value = fc.oneof(fc.constantFrom(...DURATION_BUCKETS, 0), fc.double({ min: 0, max: 20, noNaN: true }));
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 50 }), async (durations) => {
        const own = new HttpMetrics();
        const registry = new Registry();
        const theirs = new Histogram({ name: NAME, help: 'x', buckets: [...DURATION_BUCKETS], registers: [registry] });
        for (const durationSeconds of durations) {
          own.observe({ ...request, durationSeconds });
          theirs.observe(durationSeconds);
        }
        const plain = (lines: readonly { labels: object; value: number; metricName?: string }[]) =>
          lines.map((line) => [line.metricName, (line.labels as { le?: number | string }).le, line.value]);
        expect(plain((await own.get()).values)).toEqual(plain((await theirs.get()).values));
      }),
      { numRuns: 100 },
    );
  });

  it('have a bounded number of series, whatever clients and mistakes send', async () => {
    const metrics = httpMetrics();
    for (let i = 0; i < 5_000; i++) {
      metrics.observe({ ...request, route: undefined, method: `M${i}` });
      metrics.observe({ ...request, route: `/users/${i}` });
      metrics.observe({ ...request, service: `s${i}` });
    }
    const { find, value } = await scrape();
    expect(find(`${NAME}_count`, { route: '(unmatched)' }).map((line) => line.labels.method)).toEqual(['OTHER']);
    expect(value(`${NAME}_count`, { route: '(unmatched)' })).toBe(5_000);
    expect(value(`${NAME}_count`, { service: 'user', route: '(overflow)' })).toBeGreaterThan(4_000);
    const series = find(`${NAME}_count`);
    expect(new Set(series.map((line) => line.labels.service)).size).toBeLessThanOrEqual(33);
    expect(series.length).toBeLessThan(600);
    expect(series.reduce((sum, line) => sum + line.value, 0)).toBe(15_000);
  });

  it('take odd numbers without harm', async () => {
    const metrics = httpMetrics();
    for (const durationSeconds of [Number.NaN, -1, Number.POSITIVE_INFINITY])
      metrics.observe({ ...request, durationSeconds });
    for (const status of [Number.NaN, 0, 1e9, -5]) metrics.observe({ ...request, status });
    const { value } = await scrape();
    expect(value(`${NAME}_sum`, { status: '200' })).toBe(0);
    expect(value(`${NAME}_count`, { status: '0' })).toBe(4);
  });

  it('have labels that cannot break the format', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), async (service, route) => {
        resetMetrics();
        httpMetrics().observe({ ...request, service, route });
        const { find } = await scrape();
        expect(find(`${NAME}_count`).map(({ labels }) => [labels.service, labels.route])).toEqual([[service, route]]);
      }),
      { numRuns: 100 },
    );
  });

  it('cost about a microsecond', () => {
    const metrics = new HttpMetrics();
    const routes = Array.from({ length: 60 }, (_, i) => `/api/v1/things/${String.fromCharCode(97 + (i % 26))}${i}/:id`);
    const given = routes.map((route, i) => ({
      ...request,
      route,
      status: i % 7 ? 200 : 404,
      durationSeconds: i / 100,
    }));
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 8; round++) {
      const began = process.cpuUsage();
      for (let i = 0; i < 60_000; i++) metrics.observe(given[i % 60] as HttpObservation);
      const used = process.cpuUsage(began);
      best = Math.min(best, (used.user + used.system) / 60_000);
    }
    expect(best).toBeLessThan(3);
  });
});

describe('collectors', () => {
  it('are asked at each scrape, all that share a name', async () => {
    let size = 1;
    const stop = registerCollector('pool_size', 'Pool.', ['service'], () => [
      { labels: { service: 'a' }, value: size },
    ]);
    registerCollector('pool_size', 'Pool.', ['service'], async () => [{ labels: { service: 'b' }, value: 10 }]);
    expect((await scrape()).find('pool_size').map((line) => line.value)).toEqual([1, 10]);
    size = 2;
    expect((await scrape()).value('pool_size', { service: 'a' })).toBe(2);
    stop();
    stop();
    expect((await scrape()).find('pool_size').map((line) => line.labels.service)).toEqual(['b']);
  });

  it('add up what has equal labels, so that a scrape stays valid', async () => {
    for (const value of [1, 2]) {
      registerCollector('cache_hits_total', 'Hits.', ['tier'], () => [{ labels: { tier: 'l1' }, value }], {
        type: 'counter',
      });
    }
    const { types, value } = await scrape();
    expect(types.get('cache_hits_total')).toBe('counter');
    expect(value('cache_hits_total')).toBe(3);
  });

  it('vanish with their last registration and may come back', async () => {
    const stop = registerCollector('queue_depth', 'Depth.', [], () => [{ value: 1 }]);
    stop();
    expect((await scrape()).types.has('queue_depth')).toBe(false);
    registerCollector('queue_depth', 'Depth.', ['queue'], () => [{ labels: { queue: 'mail' }, value: 2 }]);
    stop();
    expect((await scrape()).value('queue_depth', { queue: 'mail' })).toBe(2);
  });

  it('that fail cost only their own samples and are counted', async () => {
    registerCollector('good', 'Good.', [], () => [{ value: 1 }]);
    registerCollector('bad', 'Bad.', [], () => {
      throw new Error('no');
    });
    registerCollector('worse', 'Worse.', [], () => Promise.reject(new Error('no')));
    registerCollector('partly', 'Partly.', ['x'], () => [{ labels: { x: 'a' }, value: 1 }]);
    registerCollector('partly', 'Partly.', ['x'], () => [{ labels: { x: 'b' }, value: 'text' as unknown as number }]);
    registerCollector('partly', 'Partly.', ['x'], () => [{ labels: { x: 'c' }, value: Number.NaN }]);
    await scrape();
    const { value, find } = await scrape();
    expect(value('good')).toBe(1);
    expect(find('partly')).toHaveLength(1);
    expect(value('metrics_collector_errors_total', { metric: 'bad' })).toBeGreaterThanOrEqual(1);
    expect(value('metrics_collector_errors_total', { metric: 'worse' })).toBeGreaterThanOrEqual(1);
  });

  it('that hang do not hold up the scrape', async () => {
    registerCollector('hung', 'Hung.', [], () => new Promise<Sample[]>(() => undefined));
    const began = performance.now();
    await scrape();
    expect(performance.now() - began).toBeLessThan(3_000);
    expect((await scrape()).value('metrics_collector_errors_total', { metric: 'hung' })).toBeGreaterThanOrEqual(1);
  });

  it('have a bounded number of samples and take only labels they declared', async () => {
    registerCollector('many', 'Many.', ['n'], function* () {
      for (let n = 0; ; n++) yield { labels: { n, other: 1 }, value: n };
    });
    const { find } = await scrape();
    expect(find('many')).toHaveLength(2_000);
    expect(Object.keys(find('many')[0]!.labels)).toEqual(['n']);
  });

  it.each([
    ['another type', () => registerCollector('taken', 'x', ['a'], () => [], { type: 'counter' })],
    ['other labels', () => registerCollector('taken', 'x', ['a', 'b'], () => [])],
    ['the name of another metric', () => registerCollector(NAME, 'x', [], () => [])],
    ['a bad name', () => registerCollector('no-name', 'x', [], () => [])],
    ['a bad label', () => registerCollector('fine', 'x', ['no label'], () => [])],
  ])('are refused with %s', (_name, register) => {
    httpMetrics();
    registerCollector('taken', 'x', ['a'], () => []);
    expect(register).toThrow();
  });
});

describe('the event loop', () => {
  it('is watched: a block shows, an idle loop reads next to nothing', async () => {
    const monitor = new LoopMonitor();
    monitor.start();
    monitor.start();
    try {
      await sleep(100);
      expect(monitor.delay().p50).toBeLessThan(0.05);
      const until = performance.now() + 200;
      while (performance.now() < until);
      await sleep(50);
      expect(monitor.delay().max).toBeGreaterThan(0.1);
      const { value, types } = await scrape();
      expect(value('event_loop_delay_seconds', { quantile: '1' })).toBeGreaterThan(0.1);
      expect(types.get('event_loop_utilization_ratio')).toBe('gauge');
    } finally {
      monitor.stop();
    }
    expect(monitor.delay()).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 });
    expect((await scrape()).types.has('event_loop_delay_seconds')).toBe(false);
  });
});
