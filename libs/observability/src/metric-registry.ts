import { within } from '@nexus/kernel';
import { type Metric, register } from 'prom-client';

/** One sample of a collected metric. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Reads the present state; called at each scrape, so it must be cheap. */
export type Collect = () => Iterable<Sample> | Promise<Iterable<Sample>>;

export interface CollectorOptions {
  /** `counter` for numbers that only grow; `gauge` (the default) for all others. */
  readonly type?: 'gauge' | 'counter';
}

/** Samples of one metric; a collector that gives more is cut. */
const MAX_SAMPLES = 2_000;
const COLLECT_TIMEOUT_MS = 1_000;
const ERRORS = 'metrics_collector_errors_total';

const metrics = new Map<string, CollectedMetric>();
const resets = new Set<() => void>();
const errors = new Map<string, number>();

function countError(name: string): void {
  errors.set(name, (errors.get(name) ?? 0) + 1);
}

/** One line of the text format. */
export interface MetricLine {
  /** Where it differs from the metric's name: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  value: number;
}

/** What prom-client's registry asks of a metric. It is all that is needed to keep accumulators of one's own. */
export interface RegistryMetric {
  readonly name: string;
  get(): Promise<{ name: string; help: string; type: string; aggregator: string; values: MetricLine[] }>;
  reset(): void;
}

/** Puts a metric with accumulators of its own into the registry, in place of one of the same name. */
export function registerMetric(metric: RegistryMetric): void {
  register.removeSingleMetric(metric.name);
  register.registerMetric(metric as unknown as Metric);
}

/** A metric whose samples are asked for at each scrape, from everyone who registered under its name. */
class CollectedMetric implements RegistryMetric {
  readonly collectors = new Set<Collect>();
  readonly shape: string;

  constructor(
    readonly name: string,
    private readonly help: string,
    private readonly labelNames: readonly string[],
    private readonly type: 'gauge' | 'counter',
  ) {
    this.shape = shapeOf(labelNames, type);
  }

  async get(): ReturnType<RegistryMetric['get']> {
    const lines = new Map<string, MetricLine>();
    for (const collect of [...this.collectors]) {
      try {
        const result = collect();
        for (const sample of result instanceof Promise ? await within(COLLECT_TIMEOUT_MS, result) : result)
          this.add(lines, sample);
      } catch {
        countError(this.name);
      }
    }
    return { name: this.name, help: this.help, type: this.type, aggregator: 'sum', values: [...lines.values()] };
  }

  reset(): void {
    // The numbers are not held here.
  }

  /** Two samples with the same labels would make the whole scrape invalid: they are added up. */
  private add(lines: Map<string, MetricLine>, { labels, value }: Sample): void {
    if (typeof value !== 'number' || Number.isNaN(value)) return;
    const own: Record<string, string> = {};
    for (const name of this.labelNames) own[name] = String(labels?.[name] ?? '');
    const key = JSON.stringify(own);
    const known = lines.get(key);
    if (known) known.value += value;
    else if (lines.size < MAX_SAMPLES) lines.set(key, { labels: own, value });
    else throw new RangeError('Too many samples');
  }
}

function checkNames(name: string, labelNames: readonly string[]): void {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`${name} is no metric name`);
  for (const label of labelNames) if (!/^[a-z][a-z0-9_]*$/.test(label)) throw new Error(`${label} is no label name`);
}

function shapeOf(names: readonly string[], kind: string): string {
  return `${kind}(${[...names].sort().join()})`;
}

/**
 * Registers numbers that are read at each scrape: pools, caches, limits, queues. The same name may be registered by
 * several services or apps of the process (put `service` among the labels); samples with equal labels are added up.
 * A collector that throws, hangs (1 s) or gives more than 2000 samples costs only its own samples and is counted in
 * `metrics_collector_errors_total`.
 *
 * @param name snake_case with its unit; counters end in `_total`
 * @returns takes the collector away again
 * @throws Error when a name is not snake_case, or taken by a metric of another type or with other labels
 * @example
 * registerCollector('db_pool_connections', 'Connections by state.', ['service', 'state'], () => [
 *   { labels: { service: 'user', state: 'idle' }, value: pool.idleCount },
 * ]);
 */
export function registerCollector(
  name: string,
  help: string,
  labelNames: readonly string[],
  collect: Collect,
  options: CollectorOptions = {},
): () => void {
  const kind = options.type ?? 'gauge';
  let metric = metrics.get(name);
  if (!metric) {
    if (register.getSingleMetric(name)) throw new Error(`The metric ${name} exists already`);
    checkNames(name, labelNames);
    metric = new CollectedMetric(name, help, labelNames, kind);
    registerMetric(metric);
    metrics.set(name, metric);
  }
  if (metric.shape !== shapeOf(labelNames, kind)) {
    throw new Error(`The metric ${name} is registered as ${metric.shape}, not as ${shapeOf(labelNames, kind)}`);
  }
  const { collectors } = metric;
  const entry: Collect = () => collect();
  collectors.add(entry);
  return () => {
    collectors.delete(entry);
    if (collectors.size === 0 && metrics.get(name)?.collectors === collectors) {
      metrics.delete(name);
      register.removeSingleMetric(name);
    }
  };
}

/** Has {@link resetMetrics} call this as well. */
export function onMetricsReset(reset: () => void): void {
  resets.add(reset);
}

/** All metrics of the process in the Prometheus text format 0.0.4, for the management port. */
export async function renderMetrics(): Promise<{ contentType: string; body: string }> {
  if (!metrics.has(ERRORS)) {
    registerCollector(
      ERRORS,
      'Scrapes at which a collector failed, by metric.',
      ['metric'],
      () => [...errors].map(([metric, value]) => ({ labels: { metric }, value })),
      { type: 'counter' },
    );
  }
  return { contentType: register.contentType, body: await register.metrics() };
}

/** For tests: takes all collectors away and sets what was counted back to zero; default metrics stay. */
export function resetMetrics(): void {
  for (const [name, metric] of metrics) {
    metric.collectors.clear();
    register.removeSingleMetric(name);
  }
  metrics.clear();
  errors.clear();
  for (const reset of resets) reset();
}
