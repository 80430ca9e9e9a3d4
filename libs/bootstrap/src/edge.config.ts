import { defineConfig, env } from '@nexus/config';
import { z } from 'zod';

const ORIGIN = /^(\*|https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?)$/;

/** What an edge process reads. */
export const edgeConfig = defineConfig('edge', {
  CORS_ORIGINS: {
    schema: env
      .list()
      .refine(
        (list) => list.every((origin) => ORIGIN.test(origin)),
        'must be origins such as https://app.example.com, or *',
      ),
    description: 'Origins, separated by commas, whose pages may call the API from a browser; `*` for any.',
  },
  GATEWAY_REPLICAS: {
    schema: env.int(1, { min: 1, max: 1000 }),
    description: 'How many edge processes run. More than one needs `REDIS_URL`, or limits would not be exact.',
  },
  REDIS_URL: {
    schema: z.url({ protocol: /^rediss?$/ }).optional(),
    description: 'Redis for limits, sessions and the second cache tier; not used yet by this version.',
    secret: true,
  },
});
