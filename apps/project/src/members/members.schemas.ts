import { PROJECT_ROLES } from '@nexus/contracts';
import { cursorQuery, idParam, timestamp } from '@nexus/http';
import { z } from 'zod';

const role = z.enum(PROJECT_ROLES).meta({
  description: '`viewer` reads; `editor` also changes the project and its files; `owner` does everything.',
});

export const memberSchema = z
  .object({
    user_id: z.uuid(),
    name: z.string().nullable().meta({ description: 'Null while it cannot be learnt.' }),
    role,
    added_by: z.uuid(),
    version: z.number().int(),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'ProjectMember' });
export type Member = z.output<typeof memberSchema>;

export const memberParam = idParam.extend({ user_id: z.uuid() });
export type MemberParam = z.output<typeof memberParam>;

export const memberBody = z.strictObject({ role }).meta({ id: 'MemberRole' });
export type MemberBody = z.output<typeof memberBody>;

export const MEMBER_SORTS = ['created_at', '-created_at'] as const;
export const memberQuery = cursorQuery(MEMBER_SORTS, 'created_at').extend({ role: role.optional() });
export type MemberQuery = z.output<typeof memberQuery>;
