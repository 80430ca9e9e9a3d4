import type { CallContext } from '@nexus/kernel';
import { z } from 'zod';
import { USER_STATUSES } from '../events/user.event.js';
import { definePort } from '../port.js';

const accountStatus = z.object({
  user_id: z.uuid(),
  status: z.enum(USER_STATUSES),
  /** Version of the person; an older one changes nothing. */
  version: z.number().int(),
});
export type AccountStatus = z.output<typeof accountStatus>;

/** Sign-ins and their end; provided by the auth service. */
export abstract class Sessions {
  static readonly port = definePort('sessions', {
    revokeAll: {
      input: z.object({ user_id: z.uuid(), reason: z.string().max(64) }),
      output: z.object({ revoked: z.number().int() }),
      idempotent: true,
      serviceActor: true,
    },
    applyStatus: {
      input: accountStatus,
      output: z.object({ revoked: z.number().int() }),
      idempotent: true,
      serviceActor: true,
    },
  });

  /** Ends every session of a person; tokens already handed out stop working at once. */
  abstract revokeAll(ctx: CallContext, input: { user_id: string; reason: string }): Promise<{ revoked: number }>;
  /** A deactivated person cannot sign in and has no sessions; a reactivated one can sign in again. */
  abstract applyStatus(ctx: CallContext, input: AccountStatus): Promise<{ revoked: number }>;
}
