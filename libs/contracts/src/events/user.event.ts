import { z } from 'zod';
import { defineEvent } from '../event.js';

export const USER_STATUSES = ['active', 'deactivated'] as const;

/** A person was deactivated or reactivated. Repairs a lost `Sessions.applyStatus`. */
export const userStatusChanged = defineEvent(
  'user.status_changed',
  1,
  z.object({ user_id: z.uuid(), status: z.enum(USER_STATUSES), version: z.number().int() }),
  { subscribers: ['auth'] },
);
