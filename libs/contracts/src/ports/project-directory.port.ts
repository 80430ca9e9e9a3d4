import type { CallContext } from '@nexus/kernel';
import { z } from 'zod';
import { definePort } from '../port.js';

/** Weakest first. */
export const PROJECT_ROLES = ['viewer', 'editor', 'owner'] as const;
export type ProjectRole = (typeof PROJECT_ROLES)[number];

export const projectAccess = z.object({
  /** Null: the project does not exist for this actor. */
  role: z.enum(PROJECT_ROLES).nullable(),
});
export type ProjectAccess = z.output<typeof projectAccess>;

/** Who may do what in a project; provided by the project service. */
export abstract class ProjectDirectory {
  static readonly port = definePort('project-directory', {
    access: { input: z.object({ project_id: z.uuid() }), output: projectAccess, idempotent: true, serviceActor: false },
  });

  /** The calling actor's strongest role in the project (`viewer` for anyone signed in when it is `internal`). */
  abstract access(ctx: CallContext, input: { project_id: string }): Promise<ProjectAccess>;
}
