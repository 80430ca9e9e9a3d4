import { Controller, type DynamicModule, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { register } from 'prom-client';
import { HttpMetrics, httpMetrics } from './http-metrics.js';
import { lostLogLines } from './logger.js';
import { LoopMonitor } from './loop-monitor.js';
import { onMetricsReset, registerCollector } from './metric-registry.js';

/** Stands where PrometheusModule puts its `GET /metrics`: metrics are for the management port alone. */
@Controller()
class NoMetricsRoute {}

/** Default metrics start observers that never end: they are set up once per process, not once per app. */
function hasDefaultMetrics(): boolean {
  return register.getSingleMetric('process_start_time_seconds') !== undefined;
}

const monitor = new LoopMonitor();
let stopWatching: (() => void) | undefined;
let running = 0;

function startWatching(): void {
  running += 1;
  if (stopWatching) return;
  monitor.start();
  const unregister = registerCollector(
    'log_lines_lost_total',
    'Log lines that could not be written because nobody read them.',
    [],
    () => [{ value: lostLogLines() }],
    { type: 'counter' },
  );
  stopWatching = () => {
    monitor.stop();
    unregister();
    stopWatching = undefined;
    running = 0;
  };
}

onMetricsReset(() => stopWatching?.());

/**
 * Metrics of the process. Import it once, at the root: `MetricsModule.forRoot()`. It provides {@link HttpMetrics} and
 * {@link LoopMonitor} everywhere and adds no route: `renderMetrics()` gives the text for the management port.
 * prom-client's registry belongs to the process, so all apps of a process share its numbers; `service` is an explicit
 * label and there are no default labels, which would be the last app's for everyone.
 */
@Module({})
export class MetricsModule implements OnModuleInit, OnApplicationShutdown {
  private started = false;

  static async forRoot(): Promise<DynamicModule> {
    // A CommonJS package that requires Nest: loaded when Nest is there, or loaders of test runs see a cycle.
    const { PrometheusModule } = await import('@willsoto/nestjs-prometheus');
    return {
      module: MetricsModule,
      global: true,
      imports: [
        PrometheusModule.register({
          controller: NoMetricsRoute,
          defaultMetrics: { enabled: !hasDefaultMetrics(), config: { eventLoopMonitoringPrecision: 20 } },
        }),
      ],
      providers: [
        { provide: HttpMetrics, useFactory: httpMetrics },
        { provide: LoopMonitor, useValue: monitor },
      ],
      exports: [HttpMetrics, LoopMonitor],
    };
  }

  onModuleInit(): void {
    this.started = true;
    startWatching();
  }

  onApplicationShutdown(): void {
    if (!this.started) return;
    this.started = false;
    running -= 1;
    if (running <= 0) stopWatching?.();
  }
}
