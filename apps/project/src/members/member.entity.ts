import type { ProjectRole } from '@nexus/contracts';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The part a person has in a project. */
@Entity({ schema: 'project', name: 'members' })
@Index('members_user', ['userId', 'projectId'])
export class MemberEntity {
  @PrimaryColumn('uuid', { name: 'project_id' })
  projectId: string;

  @PrimaryColumn('uuid', { name: 'user_id' })
  userId: string;

  @Column('text')
  role: ProjectRole;

  @Column('uuid', { name: 'added_by' })
  addedBy: string;

  @Column('int', { default: 1 })
  version: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
