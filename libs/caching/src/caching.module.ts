import { type DynamicModule, Module } from '@nestjs/common';
import { CachingInterceptor } from './caching.interceptor.js';
import { ResponseCache } from './response-cache.js';

/** Provides, once at the root, the cache that the policy chain serves from. */
@Module({})
export class CachingModule {
  static forRoot(cache: ResponseCache): DynamicModule {
    return {
      module: CachingModule,
      global: true,
      providers: [{ provide: ResponseCache, useValue: cache }, CachingInterceptor],
      exports: [ResponseCache, CachingInterceptor],
    };
  }
}
