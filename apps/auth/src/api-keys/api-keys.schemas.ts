import { SCOPES } from '@nexus/auth-guards';
import { cursorQuery, lineOfText, timestamp } from '@nexus/http';
import { z } from 'zod';

const scope = z.enum(SCOPES);

export const apiKeyRequest = z.strictObject({
  name: lineOfText(100).describe('What the key is for.').meta({ example: 'Nightly export' }),
  scopes: z
    .array(scope)
    .min(1)
    .max(SCOPES.length)
    .describe('What the key may be used for.')
    .meta({ example: ['projects:read'] }),
  expires_at: z.iso
    .datetime()
    .optional()
    .describe('When it stops working; it does not expire unless this is given.')
    .meta({ example: '2030-01-31T12:00:00Z' }),
});
export type ApiKeyRequest = z.output<typeof apiKeyRequest>;

/** A key as its owner sees it afterwards. */
export const apiKeyView = z
  .object({
    id: z.uuid(),
    name: z.string().meta({ example: 'Nightly export' }),
    prefix: z.string().describe('How the key begins.').meta({ example: 'nx_4fGh2kLm' }),
    scopes: z.array(scope),
    created_at: timestamp,
    expires_at: timestamp.nullable(),
    last_used_at: timestamp.nullable().describe('When it was used last, to a minute.'),
  })
  .meta({ id: 'ApiKey' });
export type ApiKeyView = z.output<typeof apiKeyView>;

export const createdApiKey = apiKeyView
  .extend({
    secret: z
      .string()
      .describe('The key, for `X-API-Key`. Nobody can show it again.')
      .meta({ example: 'nx_4fGh2kLm…' }),
  })
  .meta({ id: 'CreatedApiKey' });
export type CreatedApiKey = z.output<typeof createdApiKey>;

export const apiKeyQuery = cursorQuery(['-created_at', 'created_at'], '-created_at');
export type ApiKeyQuery = z.output<typeof apiKeyQuery>;
