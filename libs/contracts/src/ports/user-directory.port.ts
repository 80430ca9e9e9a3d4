import { type CallContext, ROLES } from '@nexus/kernel';
import { z } from 'zod';
import { USER_STATUSES } from '../events/user.event.js';
import { definePort } from '../port.js';

/** What auth tells about a person it owns. */
export const accountFacts = z.object({
  id: z.uuid(),
  email: z.string(),
  name: z.string(),
  role: z.enum(ROLES),
  email_verified: z.boolean(),
  /** Version of the account; an older one changes nothing. */
  account_version: z.number().int(),
});
export type AccountFacts = z.output<typeof accountFacts>;

/** A person as services know each other's people. */
export const directoryUser = z.object({
  id: z.uuid(),
  email: z.string(),
  name: z.string(),
  role: z.enum(ROLES),
  email_verified: z.boolean(),
  status: z.enum(USER_STATUSES),
  locale: z.string(),
  timezone: z.string(),
  version: z.number().int(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type DirectoryUser = z.output<typeof directoryUser>;

/** The people of the platform; provided by the user service. */
export abstract class UserDirectory {
  static readonly port = definePort('user-directory', {
    ensure: { input: accountFacts, output: directoryUser, idempotent: true, serviceActor: true },
    find: {
      input: z.object({ ids: z.array(z.uuid()).max(100) }),
      output: z.object({ users: z.array(directoryUser) }),
      idempotent: true,
      serviceActor: true,
    },
  });

  /** Creates the person's profile, or brings e-mail, role and verification up to date. Idempotent. */
  abstract ensure(ctx: CallContext, input: AccountFacts): Promise<DirectoryUser>;
  /** The people with these ids; unknown ids are left out. At most 100. */
  abstract find(ctx: CallContext, input: { ids: string[] }): Promise<{ users: DirectoryUser[] }>;
}
