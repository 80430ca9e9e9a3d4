import { type ConfigOf, defineConfig } from '@nexus/config';
import { z } from 'zod';
import { LOG_LEVELS } from './logger.js';
import { REQUEST_LOG_MODES } from './request-log.js';

/** What the logs hold. */
export const observabilityConfig = defineConfig('observability', {
  LOG_LEVEL: {
    schema: z.enum(LOG_LEVELS).default('info'),
    description: 'Least severe records that are logged: `debug`, `info`, `warn`, `error`, `fatal` or `silent`.',
  },
  LOG_REQUESTS: {
    schema: z.enum(REQUEST_LOG_MODES).default('all'),
    description: 'Requests that get an access line: `all`, `errors` (status 400 and above) or `none`.',
  },
  LOG_INTERNAL_REQUESTS: {
    schema: z.enum(REQUEST_LOG_MODES).default('errors'),
    description:
      'The same for requests that a gateway of the platform sent on, which has a line of its own for each, with the same ids.',
  },
});
export type ObservabilityConfig = ConfigOf<typeof observabilityConfig>;
