import type { CallContext } from '@nexus/kernel';
import { z } from 'zod';
import { definePort, type StreamWatch } from '../port.js';

/** A public key as in RFC 7517, ES256 only. */
export const publicJwk = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
  alg: z.literal('ES256'),
  use: z.literal('sig'),
});
export type PublicJwk = z.output<typeof publicJwk>;

/**
 * A session that ended, or whose older tokens count no more. Entries have consecutive numbers, so that a
 * reader sees a gap.
 */
export const revocation = z.object({
  seq: z.number().int(),
  session_id: z.uuid(),
  /** Tokens with a lower session version are refused; null: every token of the session. */
  min_version: z.number().int().nullable(),
  /** When the last token that this can concern has expired. */
  expires_at: z.iso.datetime(),
});
export type Revocation = z.output<typeof revocation>;

/** What a verifier of access tokens needs to know; provided by the auth service. */
export abstract class TokenTrust {
  static readonly port = definePort(
    'token-trust',
    {
      keys: {
        input: z.object({}),
        output: z.object({ keys: z.array(publicJwk) }),
        idempotent: true,
        serviceActor: true,
      },
      revocations: {
        input: z.object({ after: z.number().int() }),
        output: z.object({ entries: z.array(revocation), head: z.number().int() }),
        idempotent: true,
        serviceActor: true,
      },
    },
    { subscribe: revocation },
  );

  /** Every key that may have signed a token which is still valid. */
  abstract keys(ctx: CallContext, input: Record<string, never>): Promise<{ keys: PublicJwk[] }>;
  /** Revocations after a sequence number that can still matter, oldest first, and the newest number. */
  abstract revocations(ctx: CallContext, input: { after: number }): Promise<{ entries: Revocation[]; head: number }>;
  /**
   * Calls the listener for each revocation from now on, in order. Around a planned change of connections one may come
   * twice, or before an older one.
   *
   * @param listener what it returns is waited for before the change that revokes is answered; see
   * {@link PortDefinition.streams}
   * @param watch learns when entries may be missing, where the provider is not in this process
   * @returns stops it
   */
  abstract subscribe(listener: (entry: Revocation) => void | Promise<void>, watch?: StreamWatch): () => void;
}
