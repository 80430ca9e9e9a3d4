import { ROLES } from '@nexus/kernel';
import { z } from 'zod';

export const roleRequest = z.strictObject({ role: z.enum(ROLES) });
export type RoleRequest = z.output<typeof roleRequest>;
