import { cursorQuery, timestamp } from '@nexus/http';
import { z } from 'zod';

/** What a signed-in client holds. */
export const tokenPair = z
  .object({
    access_token: z.string().describe('ES256 JWT for `Authorization: Bearer`.'),
    token_type: z.literal('Bearer'),
    expires_in: z.number().int().describe('Life of the access token, in s.').meta({ example: 900 }),
    refresh_token: z.string().describe('For one use; the answer to it holds the next.'),
    refresh_expires_in: z
      .number()
      .int()
      .describe('Time within which it must be used, in s.')
      .meta({ example: 2_592_000 }),
  })
  .meta({ id: 'Tokens' });
export type TokenPair = z.output<typeof tokenPair>;

export const refreshRequest = z.strictObject({ refresh_token: z.string().min(1).max(512) });
export type RefreshRequest = z.output<typeof refreshRequest>;

export const refreshed = z.object({ tokens: tokenPair }).meta({ id: 'Refreshed' });
export type Refreshed = z.output<typeof refreshed>;

/** A sign-in that lasts. */
export const sessionView = z
  .object({
    id: z.uuid(),
    device: z
      .string()
      .nullable()
      .describe('Browser and system, as far as the client tells.')
      .meta({ example: 'Firefox on Linux' }),
    address: z.string().nullable().describe('Where it was used last.').meta({ example: '203.0.113.7' }),
    created_at: timestamp,
    last_used_at: timestamp.describe('When it was opened or refreshed last.'),
    expires_at: timestamp.describe('When it ends unless it is refreshed.'),
    current: z.boolean().describe('Whether the request was made with it.'),
  })
  .meta({ id: 'Session' });
export type SessionView = z.output<typeof sessionView>;

export const sessionQuery = cursorQuery(['-created_at', 'created_at'], '-created_at');
export type SessionQuery = z.output<typeof sessionQuery>;
