import { ROLES } from '@nexus/kernel';
import { z } from 'zod';
import { defineEvent } from '../event.js';

const account = z.object({
  user_id: z.uuid(),
  email: z.string(),
  role: z.enum(ROLES),
  email_verified: z.boolean(),
});

/** A person registered. Repairs a lost `UserDirectory.ensure` and causes the welcome mail. */
export const accountRegistered = defineEvent('account.registered', 1, account.extend({ name: z.string() }), {
  subscribers: ['user', 'notification'],
});

/** E-mail, verification or role of an account changed. */
export const accountChanged = defineEvent('account.changed', 1, account, { subscribers: ['user'] });

/** The owner, or a reset, set a new password; the owner is told. */
export const passwordChanged = defineEvent(
  'account.password_changed',
  1,
  z.object({ user_id: z.uuid(), email: z.string(), address: z.string().nullable() }),
  { subscribers: ['notification'] },
);
