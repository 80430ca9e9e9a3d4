import { USER_STATUSES } from '@nexus/contracts';
import { cursorQuery, freeText, lineOfText, searchText, timestamp } from '@nexus/http';
import { ROLES } from '@nexus/kernel';
import { z } from 'zod';

const MAX_LOCALE = 35;

function isLocale(text: string): boolean {
  try {
    return text.length <= MAX_LOCALE && Intl.getCanonicalLocales(text).length === 1;
  } catch {
    return false;
  }
}

/** A name of the IANA time zone database. ECMAScript also takes offsets, which know no summer time. */
function isTimeZone(text: string): boolean {
  if (!/^[A-Za-z]/.test(text)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

/** Language tag (RFC 5646) in canonical form, e.g. `de-AT`. */
const locale = z
  .string()
  .refine(isLocale, { error: 'must be a BCP 47 language tag such as en or pt-BR', abort: true })
  .overwrite((text) => Intl.getCanonicalLocales(text)[0] as string);

const timezone = z.string().max(64).refine(isTimeZone, { error: 'must be an IANA time zone such as Europe/Vienna' });

/** ITU-T E.164: a plus sign and at most fifteen digits. */
const phone = z.string().regex(/^\+[1-9]\d{6,14}$/, 'must be a phone number in E.164 form such as +4366012345678');

export const profileSchema = z
  .object({
    id: z.uuid(),
    email: z.string(),
    name: z.string(),
    bio: z.string().nullable(),
    locale: z.string().meta({ example: 'en' }),
    timezone: z.string().meta({ example: 'Europe/Vienna' }),
    phone: z.string().nullable().meta({ example: '+4366012345678' }),
    avatar_url: z.null(),
    status: z.enum(USER_STATUSES),
    role: z.enum(ROLES),
    email_verified: z.boolean(),
    version: z.number().int(),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'Profile', description: 'A person, as they and administrators see them.' });
export type Profile = z.output<typeof profileSchema>;

export const publicProfileSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    bio: z.string().nullable(),
    avatar_url: z.null(),
    version: z.number().int(),
    created_at: timestamp,
  })
  .meta({ id: 'PublicProfile', description: 'A person, as every signed-in caller sees them.' });
export type PublicProfile = z.output<typeof publicProfileSchema>;

export const profilePatch = z
  .strictObject({
    name: lineOfText(200),
    bio: freeText(2000).nullable(),
    locale,
    timezone,
    phone: phone.nullable(),
  })
  .partial()
  .meta({ id: 'ProfilePatch', description: 'What is absent stays; null takes bio and phone away.' });
export type ProfilePatch = z.output<typeof profilePatch>;

export const PROFILE_SORTS = ['-created_at', 'created_at', 'name', '-name', 'email', '-email'] as const;

export const profileQuery = cursorQuery(PROFILE_SORTS, '-created_at').extend({
  q: searchText('Words, or beginnings of words, of name and e-mail.'),
  role: z.enum(ROLES).optional(),
  status: z.enum(USER_STATUSES).optional(),
  email: z.string().trim().min(1).max(320).optional().meta({ description: 'The whole address, in any case.' }),
});
export type ProfileQuery = z.output<typeof profileQuery>;
