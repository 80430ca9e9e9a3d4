import { Injectable } from '@nestjs/common';
import { AuditTrail } from '@nexus/audit';
import { ResponseCache } from '@nexus/caching';
import { type ProjectRole, projectMemberAdded } from '@nexus/contracts';
import { Database, type Transaction } from '@nexus/database';
import { assertVersion, type ExpectedVersion } from '@nexus/http';
import { type CallContext, errors, type Page, type UserActor } from '@nexus/kernel';
import { Messaging } from '@nexus/messaging';
import { projectErrors } from '../project.errors.js';
import { authorise, type ProjectAction } from '../projects/project-policy.service.js';
import { type ProjectForUser, ProjectsRepository } from '../projects/projects.repository.js';
import { projectTag } from '../projects/projects.service.js';
import { type MemberRow, MembersRepository } from './members.repository.js';
import type { Member, MemberParam, MemberQuery } from './members.schemas.js';
import { PeopleService } from './people.service.js';

function toMember(row: MemberRow, name: string | undefined): Member {
  return {
    user_id: row.id,
    name: name ?? null,
    role: row.role,
    added_by: row.added_by,
    version: row.version,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** A change of the members as it is noted. */
interface Change {
  readonly project: ProjectForUser;
  readonly userId: string;
  readonly action: string;
  readonly role: ProjectRole;
  /** Who answers for the project from now on. */
  readonly ownerId: string;
}

/** Who takes part in a project. Changes of one project's members follow each other: each locks the project. */
@Injectable()
export class MembersService {
  constructor(
    private readonly db: Database,
    private readonly projects: ProjectsRepository,
    private readonly members: MembersRepository,
    private readonly people: PeopleService,
    private readonly audit: AuditTrail,
    private readonly messaging: Messaging,
    private readonly cache: ResponseCache,
  ) {}

  /** @throws AppError `project_not_found` */
  async list(ctx: CallContext, caller: UserActor, projectId: string, query: MemberQuery): Promise<Page<Member>> {
    const access = await this.projects.access(projectId, caller.id);
    authorise(access, access?.role ?? null, 'members.read');
    const page = await this.members.list(projectId, query);
    const names = await this.people.names(
      ctx,
      page.items.map((row) => row.id),
    );
    return { ...page, items: page.items.map((row) => toMember(row, names.get(row.id))) };
  }

  /**
   * Adds a member, or changes a member's role.
   * @throws AppError those of {@link authorise}, `user_not_found`, `last_owner`, `stale_version`
   */
  async put(
    ctx: CallContext,
    caller: UserActor,
    { id, user_id }: MemberParam,
    role: ProjectRole,
    expected?: ExpectedVersion,
  ): Promise<Member> {
    // Before the look-up, so that outsiders learn nothing of people; and again under the lock.
    const access = await this.projects.access(id, caller.id);
    authorise(access, access?.role ?? null, 'members.manage');
    const person = await this.people.active(ctx, user_id);
    const row = await this.db.transaction(async (tx) => {
      const project = await this.load(tx, caller, id, 'members.manage');
      const known = await this.members.find(tx, id, user_id);
      if (!known && expected) throw errors.stale_version();
      if (!known) return this.add(tx, ctx, project, caller, user_id, role);
      assertVersion(expected, known.version);
      return known.role === role ? known : this.changeRole(tx, ctx, project, known, role);
    });
    return toMember(row, person.name);
  }

  /**
   * Removes a member; everyone may remove themselves.
   * @throws AppError those of {@link authorise}, `member_not_found`, `last_owner`, `stale_version`
   */
  async remove(
    ctx: CallContext,
    caller: UserActor,
    { id, user_id }: MemberParam,
    expected?: ExpectedVersion,
  ): Promise<void> {
    const leaves = user_id === caller.id;
    await this.db.transaction(async (tx) => {
      const project = await this.load(tx, caller, id, leaves ? 'members.leave' : 'members.manage');
      const known = await this.members.find(tx, id, user_id);
      if (!known) throw projectErrors.member_not_found();
      assertVersion(expected, known.version);
      const ownerId = await this.ownerWithout(tx, project, known);
      await this.members.remove(tx, id, user_id);
      const action = leaves ? 'project.member_left' : 'project.member_removed';
      await this.note(tx, ctx, { project, userId: user_id, action, role: known.role, ownerId });
    });
  }

  private async load(tx: Transaction, caller: UserActor, id: string, action: ProjectAction): Promise<ProjectForUser> {
    const row = await this.projects.lock(tx, id, caller.id);
    authorise(row, row?.role ?? null, action);
    return row as ProjectForUser;
  }

  private async add(
    tx: Transaction,
    ctx: CallContext,
    project: ProjectForUser,
    caller: UserActor,
    userId: string,
    role: ProjectRole,
  ): Promise<MemberRow> {
    await this.members.add(tx, { projectId: project.id, userId, role, addedBy: caller.id });
    const change = { project, userId, action: 'project.member_added', role, ownerId: project.owner_id };
    const version = await this.note(tx, ctx, change);
    await this.messaging.publish(tx, ctx, projectMemberAdded, {
      aggregate: { type: 'project_members', id: project.id, version },
      data: { project_id: project.id, project_name: project.name, user_id: userId, role, added_by: caller.id },
    });
    return this.reload(tx, project.id, userId);
  }

  private async changeRole(
    tx: Transaction,
    ctx: CallContext,
    project: ProjectForUser,
    known: MemberRow,
    role: ProjectRole,
  ): Promise<MemberRow> {
    const ownerId = role === 'owner' ? project.owner_id : await this.ownerWithout(tx, project, known);
    await this.members.changeRole(tx, project.id, known, role);
    await this.note(tx, ctx, { project, userId: known.id, action: 'project.member_role_changed', role, ownerId });
    return this.reload(tx, project.id, known.id);
  }

  /**
   * Who answers for the project once this member is no owner any more.
   * @throws AppError `last_owner` when nobody is left
   */
  private async ownerWithout(tx: Transaction, project: ProjectForUser, member: MemberRow): Promise<string> {
    if (member.role !== 'owner') return project.owner_id;
    const other = await this.members.otherOwner(tx, project.id, member.id);
    if (other === undefined) throw projectErrors.last_owner();
    return project.owner_id === member.id ? other : project.owner_id;
  }

  private async reload(tx: Transaction, projectId: string, userId: string): Promise<MemberRow> {
    return (await this.members.find(tx, projectId, userId)) as MemberRow;
  }

  /** @returns the new version of the project's membership */
  private async note(tx: Transaction, ctx: CallContext, change: Change): Promise<number> {
    const { project, userId, action, role, ownerId } = change;
    const version = await this.projects.membersChanged(tx, project.id, ownerId);
    await this.audit.record(tx, ctx, {
      action,
      outcome: 'success',
      target: { type: 'project', id: project.id },
      details: { user_id: userId, role, members_version: version },
    });
    tx.afterCommit(() => this.cache.invalidate([projectTag(project.id)]));
    return version;
  }
}
