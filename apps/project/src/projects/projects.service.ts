import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { ResponseCache } from '@nexus/caching';
import type { ProjectRole } from '@nexus/contracts';
import { Database, type Transaction } from '@nexus/database';
import { assertVersion, type ExpectedVersion } from '@nexus/http';
import { type CallContext, type Page, type UserActor, uuidv7 } from '@nexus/kernel';
import type { NewProject, Project, ProjectPatch, ProjectQuery } from './project.schemas.js';
import { authorise, type ProjectAction } from './project-policy.service.js';
import { type ProjectForUser, type ProjectRow, ProjectsRepository } from './projects.repository.js';

/** Tag of every cached answer that shows something of a project. */
export function projectTag(id: string): string {
  return `project:${id}`;
}

function toProject(row: ProjectRow, role: ProjectRole): Project {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    visibility: row.visibility,
    tags: row.tags,
    metadata: row.metadata,
    status: row.trashed_at !== null ? 'trashed' : row.archived_at !== null ? 'archived' : 'active',
    owner_id: row.owner_id,
    role,
    version: row.version,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    archived_at: row.archived_at === null ? null : row.archived_at.toISOString(),
    trashed_at: row.trashed_at === null ? null : row.trashed_at.toISOString(),
  };
}

type Editable = keyof ProjectPatch;

/** Fields that the patch really changes. */
function changedFields(row: ProjectRow, patch: ProjectPatch): Editable[] {
  const names = Object.keys(patch) as Editable[];
  return names.filter((name) => patch[name] !== undefined && JSON.stringify(patch[name]) !== JSON.stringify(row[name]));
}

/** A step of a project's life: what is asked of the policy, what is noted, and the state it leads to. */
interface Step {
  readonly action: ProjectAction;
  readonly audit: string;
  readonly archived?: boolean;
  readonly trashed?: boolean;
}

const STEPS = {
  archive: { action: 'project.archive', audit: 'project.archived', archived: true },
  unarchive: { action: 'project.unarchive', audit: 'project.unarchived', archived: false },
  trash: { action: 'project.trash', audit: 'project.trashed', trashed: true },
  restore: { action: 'project.restore', audit: 'project.restored', trashed: false },
} as const satisfies Record<string, Step>;
export type ProjectStep = keyof typeof STEPS;

/** Projects as their members see and change them. */
@Injectable()
export class ProjectsService {
  constructor(
    private readonly db: Database,
    private readonly projects: ProjectsRepository,
    private readonly audit: AuditTrail,
    private readonly cache: ResponseCache,
  ) {}

  /** Makes a project that the caller owns. */
  create(ctx: CallContext, caller: UserActor, project: NewProject): Promise<Project> {
    const id = uuidv7();
    return this.db.transaction(async (tx) => {
      const at = await this.projects.create(tx, id, caller.id, project);
      await this.audit.record(tx, ctx, {
        action: 'project.created',
        outcome: 'success',
        target: { type: 'project', id },
        details: { visibility: project.visibility },
      });
      const created = { created_at: at, updated_at: at, archived_at: null, trashed_at: null };
      return toProject({ id, ...project, owner_id: caller.id, version: 1, ...created }, 'owner');
    });
  }

  /** @throws AppError `project_not_found` */
  async read(caller: UserActor, id: string): Promise<Project> {
    const row = await this.projects.find(id, caller.id);
    const role = authorise(row, row?.role ?? null, 'project.read');
    return toProject(row as ProjectForUser, role);
  }

  async list(caller: UserActor, query: ProjectQuery): Promise<Page<Project>> {
    const page = await this.projects.list(caller.id, query);
    return { ...page, items: page.items.map((row) => toProject(row, row.role as ProjectRole)) };
  }

  /** @throws AppError those of {@link authorise}, `stale_version` */
  update(
    ctx: CallContext,
    caller: UserActor,
    id: string,
    patch: ProjectPatch,
    expected?: ExpectedVersion,
  ): Promise<Project> {
    return this.db.transaction(async (tx) => {
      const { row, role } = await this.load(tx, caller, id, 'project.update');
      assertVersion(expected, row.version);
      const changed = changedFields(row, patch);
      if (changed.length === 0) return toProject(row, role);
      const updated = await this.projects.update(tx, { ...row, ...patch });
      await this.noteChange(tx, ctx, updated, 'project.updated', { fields: changed.join(' ') });
      return toProject(updated, role);
    });
  }

  /**
   * Archives a project, puts it into the trash, or takes it out again. What is so already stays as it is.
   * @throws AppError those of {@link authorise}, `stale_version`
   */
  move(
    ctx: CallContext,
    caller: UserActor,
    id: string,
    step: ProjectStep,
    expected?: ExpectedVersion,
  ): Promise<Project> {
    const { action, audit, ...to }: Step = STEPS[step];
    return this.db.transaction(async (tx) => {
      const { row, role } = await this.load(tx, caller, id, action);
      assertVersion(expected, row.version);
      const is = { archived: row.archived_at !== null, trashed: row.trashed_at !== null };
      const state = { ...is, ...to };
      if (state.archived === is.archived && state.trashed === is.trashed) return toProject(row, role);
      const updated = await this.projects.updateState(tx, id, state);
      await this.noteChange(tx, ctx, updated, audit);
      return toProject(updated, role);
    });
  }

  private async load(tx: Transaction, caller: UserActor, id: string, action: ProjectAction) {
    const row = await this.projects.lock(tx, id, caller.id);
    const role = authorise(row, row?.role ?? null, action);
    return { row: row as ProjectForUser, role };
  }

  private async noteChange(
    tx: Transaction,
    ctx: CallContext,
    { id, version }: ProjectRow,
    action: string,
    details: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    await this.audit.record(tx, ctx, {
      action,
      outcome: 'success',
      target: { type: 'project', id },
      details: { ...details, version },
    });
    tx.afterCommit(() => this.cache.invalidate([projectTag(id)]));
  }
}
