import { type ConfigOf, defineConfig, env } from '@nexus/config';
import { z } from 'zod';
import { emailAddress } from './accounts/accounts.schemas.js';

const DAY_SECONDS = 86_400;

/** Sign-in, passwords, sessions and keys. */
export const authConfig = defineConfig('auth', {
  AUTH_SECRET: {
    schema: z.string('must be set').min(32, 'must have at least 32 characters'),
    description:
      'Root secret of refresh tokens and of the stored signing keys, at least 32 characters. Another value signs everyone out and does not open the stored keys.',
    secret: true,
    defaultText: 'made by the launcher at the first start',
  },
  ARGON2_MEMORY_KIB: {
    schema: env.int(19_456, { min: 8, max: 4_194_304 }),
    description: 'Memory of one password hash (argon2id), in KiB.',
  },
  ARGON2_TIME: { schema: env.int(2, { min: 1, max: 100 }), description: 'Passes of one password hash.' },
  ARGON2_PARALLELISM: { schema: env.int(1, { min: 1, max: 64 }), description: 'Threads of one password hash.' },
  PASSWORD_HASHES_AT_ONCE: {
    schema: env.int(2, { min: 1, max: 64 }),
    description: 'Password hashes that one process computes at once.',
  },
  PASSWORD_HASH_QUEUE: {
    schema: env.int(64, { min: 0, max: 10_000 }),
    description: 'Password hashes that may wait; one more is answered with 503.',
  },
  SESSION_IDLE_SECONDS: {
    schema: env.int(30 * DAY_SECONDS, { min: 60 }),
    description: 'A session that is not refreshed for so long ends, in s.',
  },
  SESSION_ABSOLUTE_SECONDS: {
    schema: env.int(90 * DAY_SECONDS, { min: 60 }),
    description: 'Longest life of a session, however often it is refreshed, in s.',
  },
  REFRESH_GRACE_SECONDS: {
    schema: env.int(10, { max: 300 }),
    description: 'How long the previous refresh token still gets the same successor, in s; later it counts as stolen.',
  },
  SIGNING_KEY_AGE_DAYS: {
    schema: env.int(90, { min: 1, max: 3_650 }),
    description: 'Age at which the key that signs access tokens is replaced, in days.',
  },
  LOGIN_FAILURES: {
    schema: env.int(10, { min: 1, max: 1_000 }),
    description: 'Wrong passwords for one e-mail address within the window after which it has to wait.',
  },
  LOGIN_FAILURE_WINDOW_SECONDS: {
    schema: env.int(900, { min: 1, max: DAY_SECONDS }),
    description: 'Length of that window, and the longest wait, in s.',
  },
  ADMIN_EMAIL: {
    schema: emailAddress.optional(),
    description: 'E-mail address of the first admin; the account is created when nobody has it.',
  },
  ADMIN_PASSWORD: {
    schema: z.string().min(1).optional(),
    description: 'Password of the first admin; it is used once, when the account is created.',
    secret: true,
  },
});
export type AuthConfig = ConfigOf<typeof authConfig>;
