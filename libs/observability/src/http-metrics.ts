import { HistogramSeries } from './histogram-series.js';
import { type MetricLine, onMetricsReset, type RegistryMetric, registerMetric } from './metric-registry.js';
import { UNMATCHED_ROUTE } from './request-log.js';

/** Upper bounds in seconds; the objectives' thresholds are among them, so that a share of slow requests is exact. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** One answered request. */
export interface HttpObservation {
  readonly service: string;
  /** Route template; absent when none matched. */
  readonly route?: string;
  readonly method: string;
  readonly status: number;
  readonly durationSeconds: number;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const OTHER = 'OTHER';
const OVERFLOW = '(overflow)';
const MAX_SERVICES = 32;
/** Routes of one service; more means that something that is no template is used as one. */
const MAX_ROUTES = 500;
const NAME = 'http_server_request_duration_seconds';

/** Status and method in one number: lookups by small integers are the cheapest there are. */
type RouteSeries = Map<number, HistogramSeries>;

interface ServiceSeries {
  readonly name: string;
  readonly routes: Map<string, RouteSeries>;
}

const methodIndex = new Map(METHODS.map((method, index) => [method, index]));

/**
 * Rate, errors and duration of requests per route: `http_server_request_duration_seconds{service,route,method,status}`.
 * The number of series is bounded whatever clients send.
 */
export class HttpMetrics implements RegistryMetric {
  readonly name = NAME;
  private readonly services = new Map<string, ServiceSeries>();

  /** Records one answered request. Allocates nothing for a series that is known. */
  observe(observation: HttpObservation): void {
    const { status, durationSeconds } = observation;
    const service = this.of(observation.service);
    const routes = service.routes;
    const template = observation.route ?? UNMATCHED_ROUTE;
    let route = routes.get(template);
    if (route === undefined) {
      const name = routes.size < MAX_ROUTES || template === UNMATCHED_ROUTE ? template : OVERFLOW;
      route = routes.get(name) ?? new Map<number, HistogramSeries>();
      routes.set(name, route);
    }
    const method = methodIndex.get(observation.method) ?? METHODS.length;
    const code = status >= 100 && status <= 599 ? Math.trunc(status) : 0;
    const key = code * 16 + method;
    let series = route.get(key);
    if (series === undefined) {
      const name = keyOf(routes, route);
      const labels = { service: service.name, route: name, method: METHODS[method] ?? OTHER, status: String(code) };
      series = new HistogramSeries(labels, DURATION_BUCKETS);
      route.set(key, series);
    }
    series.observe(durationSeconds > 0 && durationSeconds < 1e9 ? durationSeconds : 0);
  }

  async get(): ReturnType<RegistryMetric['get']> {
    const values: MetricLine[] = [];
    for (const { routes } of this.services.values()) {
      for (const route of routes.values()) for (const series of route.values()) values.push(...series.lines(NAME));
    }
    const help = 'Duration of HTTP requests in seconds, by service, route template, method and status.';
    return { name: NAME, help, type: 'histogram', aggregator: 'sum', values };
  }

  reset(): void {
    this.services.clear();
  }

  private of(name: string): ServiceSeries {
    let service = this.services.get(name);
    if (service === undefined) {
      const label = this.services.size < MAX_SERVICES ? name : OVERFLOW;
      service = this.services.get(label) ?? { name: label, routes: new Map() };
      this.services.set(label, service);
    }
    return service;
  }
}

function keyOf(routes: ReadonlyMap<string, RouteSeries>, wanted: RouteSeries): string {
  for (const [name, route] of routes) if (route === wanted) return name;
  return OVERFLOW;
}

let shared: HttpMetrics | undefined;

/** The one of the process: the registry is process-wide, so the numbers are, too. */
export function httpMetrics(): HttpMetrics {
  if (!shared) {
    const metrics = new HttpMetrics();
    registerMetric(metrics);
    onMetricsReset(() => {
      metrics.reset();
      registerMetric(metrics);
    });
    shared = metrics;
  }
  return shared;
}
