import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One entry of a person's inbox. */
@Entity({ schema: 'notification', name: 'notifications' })
export class NotificationEntity {
  @PrimaryColumn('uuid') id: string;
  @Column('uuid', { name: 'user_id' }) userId: string;
  /** Place among all entries of the person: consecutive in the order of the commits. */
  @Column('bigint') seq: string;
  @Column('text') category: string;
  @Column('text') title: string;
  @Column('text') body: string;
  @Column('jsonb') data: Record<string, unknown>;
  @Column({ type: 'timestamptz', name: 'read_at', precision: 3, nullable: true }) readAt: Date | null;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3 }) createdAt: Date;
  @Column('int', { default: 1 }) version: number;
}
