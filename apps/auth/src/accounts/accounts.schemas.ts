import { USER_STATUSES } from '@nexus/contracts';
import { lineOfText, timestamp } from '@nexus/http';
import { ROLES } from '@nexus/kernel';
import { z } from 'zod';

const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
/** Mailbox of RFC 5321 §4.1.2 with a dot-string and a domain of at least two labels; no quoted names, no address literals. */
const MAILBOX = new RegExp(`^(?=.{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`);
const MAX_MAILBOX = 254;
const MAX_NAME = 200;

/** An e-mail address in the one form in which it is kept and compared: trimmed, NFC, lower-case. */
export const emailAddress = z
  .string()
  .max(1024)
  .trim()
  .normalize('NFC')
  .toLowerCase()
  .max(MAX_MAILBOX)
  .regex(MAILBOX, 'must be an e-mail address')
  .meta({ format: 'email', example: 'ada@example.com' });

/** What a person is called. */
export const personName = lineOfText(MAX_NAME).meta({ example: 'Ada Lovelace' });

/** A password as it arrives. What makes a good one is the policy's business; this bounds the work. */
export const passwordText = z.string().max(1024).meta({ format: 'password', example: 'correct horse battery staple' });

/** An account as administrators see it. */
export const accountView = z
  .object({
    id: z.uuid(),
    email: z.string(),
    role: z.enum(ROLES),
    email_verified: z.boolean(),
    status: z.enum(USER_STATUSES),
    locked_at: timestamp.nullable().describe('Since when an administrator keeps the account locked.'),
    version: z.number().int(),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'Account' });
export type AccountView = z.output<typeof accountView>;
