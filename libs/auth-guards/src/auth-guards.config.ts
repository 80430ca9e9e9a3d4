import { defineConfig, env } from '@nexus/config';

/** How access tokens are checked, in every process. */
export const tokenConfig = defineConfig('tokens', {
  TOKEN_AUDIENCE: { schema: env.string().default('nexus'), description: 'Audience (`aud`) of access tokens.' },
  ACCESS_TOKEN_TTL_SECONDS: {
    schema: env.int(900, { min: 30, max: 3600 }),
    description: 'Life of an access token, in s.',
  },
  REVOCATION_GRACE_SECONDS: {
    schema: env.int(30, { min: 1, max: 300 }),
    description: 'How long tokens are still accepted while the state of revocations cannot be learnt; then 503.',
  },
});
