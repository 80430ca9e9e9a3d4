import { type DynamicModule, Global, Module, type Provider, type Type } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { MetricsModule } from '@nexus/observability';
import type { RateLimiter, ThrottlingConfig } from '@nexus/throttling';
import { ThrottlingModule } from '@nexus/throttling';
import { HealthController } from './health.controller.js';

/** What every module may inject, made once at the root. */
@Global()
@Module({})
export class PlatformModule {
  static with(providers: Provider[], controllers: Type[] = []): DynamicModule {
    const exports = providers.map((provider) => (typeof provider === 'function' ? provider : provider.provide));
    return {
      module: PlatformModule,
      imports: [TerminusModule],
      providers,
      controllers,
      exports: [...exports, TerminusModule],
    };
  }
}

/** The process: the platform and the picked services. */
@Module({})
export class RootModule {
  static of(
    services: readonly Type[],
    platform: { readonly providers: Provider[]; readonly limiter: RateLimiter; readonly throttling: ThrottlingConfig },
  ): DynamicModule {
    return {
      module: RootModule,
      imports: [
        MetricsModule.forRoot(),
        PlatformModule.with(platform.providers, [HealthController]),
        ThrottlingModule.forRoot({ config: platform.throttling, limiter: platform.limiter }),
        ...services,
      ],
    };
  }
}
