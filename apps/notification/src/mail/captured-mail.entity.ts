import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A mail that was kept instead of sent. */
@Entity({ schema: 'notification', name: 'captured_mails' })
export class CapturedMailEntity {
  /** Id of the delivery. */
  @PrimaryColumn('uuid') id: string;
  /** Order of capture. */
  @Column({ type: 'bigint', insert: false, update: false }) seq: string;
  @Column('text') sender: string;
  @Column('text') recipient: string;
  @Column('text') subject: string;
  @Column('text') html: string;
  @Column('text') plain: string;
  @Column('jsonb') headers: Record<string, string>;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' }) createdAt: Date;
}
