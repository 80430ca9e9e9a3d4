import { Injectable } from '@nestjs/common';
import { ProjectDirectory, type ProjectRole } from '@nexus/contracts';
import { AppError, type CallContext, errors } from '@nexus/kernel';
import { LRUCache } from 'lru-cache';
import { fileErrors } from '../file.errors.js';

/** What somebody wants to do with a file. */
export type FileAction = 'read' | 'change';

/** Longest that a right is believed without asking again, in ms. */
const BELIEVED_MS = 1_000;
const BELIEVED_RIGHTS = 10_000;
/** Longest wait for the project service, in ms: streams have no deadline of their own. */
const ASK_MS = 5_000;

/** Who may do what: the owner with files of their own, the project with its files. */
@Injectable()
export class FileAccess {
  private readonly believed = new LRUCache<string, { readonly role: ProjectRole; readonly until: number }>({
    max: BELIEVED_RIGHTS,
  });

  constructor(private readonly projects: ProjectDirectory) {}

  /**
   * Lets the caller's action on a file pass. What they may not even see does not exist for them.
   * @throws AppError `file_not_found`, `forbidden`; `unavailable` when the project service does not answer
   */
  async assertFile(
    ctx: CallContext,
    file: { readonly owner_id: string; readonly project_id: string | null },
    action: FileAction,
  ): Promise<void> {
    if (file.project_id === null) {
      if (ctx.actor.kind !== 'user' || ctx.actor.id !== file.owner_id) throw fileErrors.file_not_found();
      return;
    }
    const role = await this.role(ctx, file.project_id);
    if (role === null) throw fileErrors.file_not_found();
    assertRole(role, action);
  }

  /**
   * As {@link assertFile}, for a project that the request names.
   * @throws AppError `not_found` with the field `project_id`
   */
  async assertProject(ctx: CallContext, projectId: string, action: FileAction): Promise<void> {
    const role = await this.role(ctx, projectId);
    if (role === null) throw errors.not_found({ message: 'There is no such project.', field: 'project_id' });
    assertRole(role, action);
  }

  private async role(ctx: CallContext, projectId: string): Promise<ProjectRole | null> {
    if (ctx.actor.kind !== 'user') return null;
    const key = `${ctx.actor.id}:${projectId}`;
    const known = this.believed.get(key);
    if (known && performance.now() < known.until) return known.role;
    // From before the question: the answer may be as old as that.
    const until = performance.now() + BELIEVED_MS;
    const { role } = await this.ask(ctx, projectId);
    // Only rights are remembered: who was just let in must not wait.
    if (role === null) this.believed.delete(key);
    else this.believed.set(key, { role, until });
    return role;
  }

  private async ask(ctx: CallContext, projectId: string): Promise<{ role: ProjectRole | null }> {
    const deadline = Math.min(ctx.deadline, Date.now() + ASK_MS);
    try {
      return await this.projects.access({ ...ctx, signal: ctx.signal, deadline }, { project_id: projectId });
    } catch (error) {
      if (error instanceof AppError && error.status < 500) throw error;
      throw errors.unavailable({ headers: { 'retry-after': '1' }, cause: error });
    }
  }
}

function assertRole(role: ProjectRole, action: FileAction): void {
  if (action === 'change' && role === 'viewer') throw errors.forbidden();
}
