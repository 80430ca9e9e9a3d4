import { Injectable } from '@nestjs/common';
import type { ProjectRole } from '@nexus/contracts';
import { Conditions, Database, type KeysetList, keysetPage, type Transaction } from '@nexus/database';
import type { Page } from '@nexus/kernel';
import { Not } from 'typeorm';
import { MemberEntity } from './member.entity.js';
import type { MEMBER_SORTS, MemberQuery } from './members.schemas.js';

export interface MemberRow {
  /** The person's. */
  readonly id: string;
  readonly role: ProjectRole;
  readonly added_by: string;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const LIST: KeysetList<(typeof MEMBER_SORTS)[number]> = {
  select: 'm.user_id AS id, m.role, m.added_by, m.version, m.created_at, m.updated_at',
  from: 'project.members m',
  id: 'm.user_id',
  orders: {
    created_at: { sql: 'm.created_at', type: 'timestamptz' },
    '-created_at': { sql: 'm.created_at', type: 'timestamptz', descending: true },
  },
};

function toRow(entity: MemberEntity): MemberRow {
  return {
    id: entity.userId,
    role: entity.role,
    added_by: entity.addedBy,
    version: entity.version,
    created_at: entity.createdAt,
    updated_at: entity.updatedAt,
  };
}

/** Rows of `project.members`. Whoever writes holds the lock on the project. */
@Injectable()
export class MembersRepository {
  constructor(private readonly db: Database) {}

  list(projectId: string, query: MemberQuery): Promise<Page<MemberRow>> {
    const where = new Conditions().add((project) => `m.project_id = ${project}`, projectId);
    if (query.role) where.add((role) => `m.role = ${role}`, query.role);
    return keysetPage<MemberRow, (typeof MEMBER_SORTS)[number]>(this.db, LIST, where, query);
  }

  async find(tx: Transaction, projectId: string, userId: string): Promise<MemberRow | undefined> {
    const entity = await tx.manager.findOneBy(MemberEntity, { projectId, userId });
    return entity === null ? undefined : toRow(entity);
  }

  /** The owner of longest standing besides this person. */
  async otherOwner(tx: Transaction, projectId: string, userId: string): Promise<string | undefined> {
    const entity = await tx.manager.findOne(MemberEntity, {
      where: { projectId, userId: Not(userId), role: 'owner' },
      order: { createdAt: 'ASC', userId: 'ASC' },
    });
    return entity?.userId;
  }

  async add(tx: Transaction, member: Pick<MemberEntity, 'projectId' | 'userId' | 'role' | 'addedBy'>): Promise<void> {
    await tx.manager.insert(MemberEntity, member);
  }

  async changeRole(tx: Transaction, projectId: string, { id, version }: MemberRow, role: ProjectRole): Promise<void> {
    await tx.manager.update(
      MemberEntity,
      { projectId, userId: id },
      { role, version: version + 1, updatedAt: () => 'now()' },
    );
  }

  async remove(tx: Transaction, projectId: string, userId: string): Promise<void> {
    await tx.manager.delete(MemberEntity, { projectId, userId });
  }
}
