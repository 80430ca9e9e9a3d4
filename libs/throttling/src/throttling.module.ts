import { type DynamicModule, Module } from '@nestjs/common';
import { CredentialThrottlerGuard, credentialThrottlers } from './credential-throttler.guard.js';
import { LocalRateLimiter } from './local-rate-limiter.js';
import { RateLimiter } from './rate-limiter.js';
import { ThrottlerModule } from './throttler-package.js';
import { NexusThrottlerStorage } from './throttler-storage.js';
import type { ThrottlingConfig } from './throttling.config.js';

export interface ThrottlingOptions {
  readonly config: ThrottlingConfig;
  /** The limiter that the policy chain uses too; without it, one in this process's memory is made. */
  readonly limiter?: RateLimiter;
}

/** Provides, once at the root, the {@link RateLimiter} and what `@CredentialLimit` needs. */
@Module({})
export class ThrottlingModule {
  static forRoot({ config, limiter = new LocalRateLimiter() }: ThrottlingOptions): DynamicModule {
    const storage = new NexusThrottlerStorage(limiter);
    return {
      module: ThrottlingModule,
      global: true,
      // Headers off: the fields on the answer are those of the caller's tier.
      imports: [ThrottlerModule.forRoot({ throttlers: credentialThrottlers(config), storage, setHeaders: false })],
      providers: [
        { provide: RateLimiter, useValue: limiter },
        { provide: NexusThrottlerStorage, useValue: storage },
        CredentialThrottlerGuard,
      ],
      exports: [RateLimiter, NexusThrottlerStorage, CredentialThrottlerGuard],
    };
  }
}
