import { type ConfigOf, defineConfig, env } from '@nexus/config';
import { z } from 'zod';
import { trustedProxyFaults } from './trusted-proxies.js';

const limit = (byDefault: number) => env.int(byDefault, { min: 1, max: 1_000_000_000 });

/** How many requests pass, and whom to believe about where they come from. */
export const throttlingConfig = defineConfig('throttling', {
  RATE_LIMIT_ANONYMOUS: { schema: limit(100), description: 'Requests per window of a client without credentials.' },
  RATE_LIMIT_USER: { schema: limit(1000), description: 'Requests per window of a signed-in user.' },
  RATE_LIMIT_ADMIN: { schema: limit(5000), description: 'Requests per window of an admin.' },
  RATE_LIMIT_WINDOW_SECONDS: {
    schema: env.int(60, { min: 1, max: 86_400 }),
    description: 'Length of a window, in seconds; it starts at the first counted request.',
  },
  RATE_LIMIT_ADDRESS: {
    schema: limit(20_000),
    description: 'Requests per window of one address, whoever they act for; counted before any credential is checked.',
  },
  RATE_LIMIT_SIGN_IN: { schema: limit(30), description: 'Sign-ins and registrations per minute of one address.' },
  RATE_LIMIT_REFRESH: { schema: limit(60), description: 'Token refreshes per minute of one session.' },
  TRUSTED_PROXIES: {
    schema: env.list().superRefine((entries, context) => {
      for (const message of trustedProxyFaults(entries)) context.addIssue({ code: 'custom', message });
    }),
    description: 'Addresses and CIDR blocks, separated by commas, whose forwarding headers are believed.',
  },
  TRUSTED_PROXY_HEADER: {
    schema: z.enum(['x-forwarded-for', 'forwarded']).default('x-forwarded-for'),
    description:
      'Header those proxies write, `x-forwarded-for` (with `x-forwarded-proto`) or `forwarded`; the other is ignored.',
  },
});
export type ThrottlingConfig = ConfigOf<typeof throttlingConfig>;
