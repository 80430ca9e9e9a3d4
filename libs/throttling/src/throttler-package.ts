import { createRequire } from 'node:module';
import '@nestjs/common';
import '@nestjs/core';

/**
 * The throttler is CommonJS and requires the framework, which is ESM. It is required here, once the framework has run,
 * because a loader that runs CommonJS while it still links the ESM graph (Jest's) takes the two for a cycle.
 */
const throttler: typeof import('@nestjs/throttler') = createRequire(import.meta.url)('@nestjs/throttler');

export const { ThrottlerGuard, ThrottlerModule } = throttler;
