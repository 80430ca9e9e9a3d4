import { type DynamicModule, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { PortToken, ServiceDefinition } from '@nexus/bootstrap';
import { ResponseCache } from '@nexus/caching';
import { type Environment, loadConfig } from '@nexus/config';
import { DatabaseRoot } from '@nexus/database';
import { Messaging } from '@nexus/messaging';
import { createLogger, LOGGER, MemoryDestination } from '@nexus/observability';
import { openTestPlatform, type TestPlatform } from './test-platform.js';

/** One service with its real modules on a database of its own; its ports are the spec's. */
export interface TestService {
  readonly platform: TestPlatform;
  readonly cache: ResponseCache;
  /** Tags of every invalidation so far, in order. */
  readonly invalidated: string[];
  /** What the service logged. */
  readonly log: MemoryDestination;
  /** A provider of the service. */
  get<T>(token: abstract new (...args: never[]) => T): T;
  close(): Promise<void>;
}

export interface TestServiceOptions {
  /** Who answers the ports that the service needs. */
  readonly ports?: readonly (readonly [PortToken, object])[];
  readonly env?: Environment;
}

@Module({})
class TestPlatformModule {}

/** Starts the modules of one service without a listener: for specs of its services, adapters and handlers. */
export async function openTestService(
  service: ServiceDefinition,
  { ports = [], env = {} }: TestServiceOptions = {},
): Promise<TestService> {
  const platform = await openTestPlatform([service]);
  try {
    const cache = new ResponseCache();
    const invalidated: string[] = [];
    cache.onInvalidate((tags) => invalidated.push(...tags));
    const log = new MemoryDestination();
    const logger = createLogger({
      service: service.name,
      version: '0.0.0',
      environment: 'development',
      level: 'debug',
      destination: log,
    });
    const config = loadConfig(service.config, env);
    const providers = [
      { provide: LOGGER, useValue: logger },
      { provide: DatabaseRoot, useValue: platform.databases },
      { provide: Messaging, useValue: platform.messaging },
      { provide: ResponseCache, useValue: cache },
      ...ports.map(([port, provider]) => ({ provide: port, useValue: provider })),
      ...config.slices.map((slice) => ({ provide: slice.token, useValue: config.get(slice) })),
    ];
    const shared: DynamicModule = {
      global: true,
      module: TestPlatformModule,
      providers,
      exports: providers.map(({ provide }) => provide),
    };
    const module = await Test.createTestingModule({ imports: [shared, await service.module()] }).compile();
    await module.init();
    return {
      platform,
      cache,
      invalidated,
      log,
      get: <T>(token: abstract new (...args: never[]) => T) => module.get<T>(token as never, { strict: false }),
      close: async () => {
        await module.close();
        await platform.close();
      },
    };
  } catch (error) {
    await platform.close();
    throw error;
  }
}
