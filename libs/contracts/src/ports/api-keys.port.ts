import type { CallContext } from '@nexus/kernel';
import { z } from 'zod';
import { definePort } from '../port.js';

const exchangedKey = z.object({
  /** ES256 JWT of the key's owner with the key's scopes; its session is the key, so that revocations reach it. */
  token: z.string(),
  /** How long requests may be let in with it, in s; it lives on for as long as they may take. */
  expires_in: z.number().int(),
});
export type ExchangedKey = z.output<typeof exchangedKey>;

/** API keys, as the edge uses them; provided by the auth service. */
export abstract class ApiKeys {
  static readonly port = definePort('api-keys', {
    exchange: {
      input: z.object({ key: z.string().max(256) }),
      /** Null: the key is nobody's, has expired, or its owner may not come in. */
      output: z.object({ exchanged: exchangedKey.nullable() }),
      idempotent: true,
      serviceActor: true,
    },
  });

  /** A short-lived access token in place of an API key, which goes no further than to the provider. */
  abstract exchange(ctx: CallContext, input: { key: string }): Promise<{ exchanged: ExchangedKey | null }>;
}
