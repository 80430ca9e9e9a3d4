import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { HttpMetrics } from './http-metrics.js';
import { LoopMonitor } from './loop-monitor.js';
import { renderMetrics, resetMetrics } from './metric-registry.js';
import { MetricsModule } from './metrics.module.js';

@Injectable()
class Service {
  constructor(
    readonly metrics: HttpMetrics,
    readonly monitor: LoopMonitor,
  ) {}
}

@Module({ providers: [Service], exports: [Service] })
class Feature {}

@Module({ imports: [MetricsModule.forRoot(), Feature] })
class First {}

@Module({ imports: [MetricsModule.forRoot(), Feature] })
class Second {}

const apps: NestFastifyApplication[] = [];

async function start(root: new () => unknown): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), { logger: false });
  apps.push(app);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  resetMetrics();
});

const observation = { service: 'user', route: '/x', method: 'GET', status: 200, durationSeconds: 0.1 };

describe('MetricsModule', () => {
  it('gives every module the metrics of the process and adds no route', async () => {
    const app = await start(First);
    app.get(Service).metrics.observe(observation);
    const { body } = await renderMetrics();
    for (const name of [
      'process_cpu_user_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
      'nodejs_gc_duration_seconds',
      'event_loop_delay_seconds',
      'event_loop_utilization_ratio',
      'log_lines_lost_total',
      'http_server_request_duration_seconds_bucket',
      'metrics_collector_errors_total',
    ]) {
      expect(body).toContain(name);
    }
    expect(body).toContain(
      'http_server_request_duration_seconds_count{service="user",route="/x",method="GET",status="200"} 1',
    );
    expect((await app.inject({ url: '/metrics' })).statusCode).toBe(404);
    expect((await app.inject({ url: '/' })).statusCode).toBe(404);
  });

  it('may be in several apps of a process, one after the other and at once', async () => {
    const first = await start(First);
    const second = await start(Second);
    expect(second.get(Service).metrics).toBe(first.get(Service).metrics);
    await first.close();
    expect((await renderMetrics()).body).toContain('event_loop_delay_seconds{');
    await second.close();
    expect((await renderMetrics()).body).not.toContain('event_loop_delay_seconds{');
    await start(First);
    expect((await renderMetrics()).body).toContain('event_loop_delay_seconds{');
  });

  it('can be reset between tests: numbers are gone, metrics are still there', async () => {
    const app = await start(First);
    app.get(Service).metrics.observe(observation);
    resetMetrics();
    const { body } = await renderMetrics();
    expect(body).not.toContain('http_server_request_duration_seconds_count');
    expect(body).toContain('process_cpu_user_seconds_total');
    app.get(Service).metrics.observe(observation);
    expect((await renderMetrics()).body).toContain('status="200"} 1');
    await app.close();
    await start(Second);
    expect((await renderMetrics()).body).toContain('event_loop_delay_seconds{');
  });
});
