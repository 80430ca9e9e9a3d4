import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a person's clients keep about how they like things. */
@Entity({ schema: 'user', name: 'preferences' })
export class PreferencesEntity {
  @PrimaryColumn('uuid', { name: 'user_id' })
  userId: string;

  @Column('json')
  data: Record<string, unknown>;

  @Column('int', { default: 1 })
  version: number;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
