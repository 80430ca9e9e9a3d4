import type { ProjectRole } from '@nexus/contracts';
import { PROJECT_ROLES } from '@nexus/contracts';
import { projectErrors } from '../project.errors.js';

/** What a project's rights depend on. */
export interface ProjectFacts {
  readonly visibility: 'private' | 'internal';
  readonly archived_at: Date | null;
  readonly trashed_at: Date | null;
}

interface Rule {
  /** Least role that may do it. */
  readonly role: ProjectRole;
  /** Possible while the project is archived; an archived project is there to be read. */
  readonly archived: boolean;
  /** Possible while the project is in the trash, where only its owners see it. */
  readonly trashed: boolean;
}

/** Who may do what with a project, and when. */
export const PROJECT_POLICY = {
  'project.read': { role: 'viewer', archived: true, trashed: true },
  'project.update': { role: 'editor', archived: false, trashed: false },
  'project.archive': { role: 'owner', archived: true, trashed: false },
  'project.unarchive': { role: 'owner', archived: true, trashed: false },
  'project.trash': { role: 'owner', archived: true, trashed: true },
  'project.restore': { role: 'owner', archived: true, trashed: true },
  'members.read': { role: 'viewer', archived: true, trashed: true },
  'members.manage': { role: 'owner', archived: true, trashed: false },
  'members.leave': { role: 'viewer', archived: true, trashed: false },
} as const satisfies Record<string, Rule>;
export type ProjectAction = keyof typeof PROJECT_POLICY;

/** The caller's role in a project, members and others alike; null: for this caller it does not exist. */
export function effectiveRole(project: ProjectFacts, membership: ProjectRole | null): ProjectRole | null {
  if (project.trashed_at !== null) return membership === 'owner' ? 'owner' : null;
  return membership ?? (project.visibility === 'internal' ? 'viewer' : null);
}

/**
 * The role that counts for what lies in a project (files): nothing in the trash is there, and what is archived can only
 * be read.
 */
export function contentRole(project: ProjectFacts, membership: ProjectRole | null): ProjectRole | null {
  if (project.trashed_at !== null) return null;
  const role = effectiveRole(project, membership);
  return role !== null && project.archived_at !== null ? 'viewer' : role;
}

/**
 * Holds a caller against the policy.
 * @param project undefined when there is none
 * @returns the caller's role
 * @throws AppError `project_not_found`, `project_role_too_low`, `project_trashed`, `project_archived`
 */
export function authorise(
  project: ProjectFacts | undefined,
  membership: ProjectRole | null,
  action: ProjectAction,
): ProjectRole {
  const role = project ? effectiveRole(project, membership) : null;
  if (!project || role === null) throw projectErrors.project_not_found();
  const rule: Rule = PROJECT_POLICY[action];
  if (PROJECT_ROLES.indexOf(role) < PROJECT_ROLES.indexOf(rule.role)) throw projectErrors.project_role_too_low();
  if (project.trashed_at !== null && !rule.trashed) throw projectErrors.project_trashed();
  if (project.archived_at !== null && !rule.archived) throw projectErrors.project_archived();
  return role;
}
