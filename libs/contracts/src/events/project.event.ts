import { z } from 'zod';
import { defineEvent } from '../event.js';
import { PROJECT_ROLES } from '../ports/project-directory.port.js';

/** A person became a member of a project (not sent for the project's creator). */
export const projectMemberAdded = defineEvent(
  'project.member_added',
  1,
  z.object({
    project_id: z.uuid(),
    project_name: z.string(),
    user_id: z.uuid(),
    role: z.enum(PROJECT_ROLES),
    added_by: z.uuid(),
  }),
  { subscribers: ['notification'] },
);
