import { type ConfigOf, defineConfig, env } from '@nexus/config';
import { z } from 'zod';

/** How a process bears services that fail, and more requests than it can serve. */
export const resilienceConfig = defineConfig('resilience', {
  UPSTREAM_BREAKER: {
    schema: z.enum(['on', 'off']).default('on'),
    description:
      '`off`: a service that runs elsewhere is asked however often it fails, instead of being left alone for a while.',
  },
  UPSTREAM_MAX_REQUESTS: {
    schema: env.int(1_152, { min: 1, max: 1_000_000 }),
    description:
      'Requests that may run and wait at one service that runs elsewhere, or one server outside; more are answered with 503.',
  },
  SERVER_MAX_REQUESTS: {
    schema: env.int(4_096, { min: 1, max: 1_000_000 }),
    description: 'Requests that the process serves at a time, streams aside; more are answered with 503.',
  },
  SERVER_TARGET_DELAY_MS: {
    schema: env.int(200, { max: 60_000 }),
    description:
      'Delay within the process at which it begins to refuse requests, those of least priority first; 0: it never does for delay.',
  },
});
export type ResilienceConfig = ConfigOf<typeof resilienceConfig>;
