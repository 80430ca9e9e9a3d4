import { Column, Entity, PrimaryColumn } from 'typeorm';

export const DELIVERY_STATUSES = ['queued', 'sending', 'sent', 'failed'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** One message on its way to one person over one channel. Its id is the mail's Message-ID. */
@Entity({ schema: 'notification', name: 'deliveries' })
export class DeliveryEntity {
  @PrimaryColumn('uuid') id: string;
  @Column('uuid', { name: 'user_id' }) userId: string;
  @Column('text', { default: 'email' }) channel: 'email';
  @Column('text') template: string;
  @Column('text') recipient: string;
  @Column('text') subject: string;
  @Column('text') html: string;
  @Column('text') plain: string;
  @Column('text', { default: 'queued' }) status: DeliveryStatus;
  @Column('int', { default: 0 }) attempts: number;
  /** Codes of the last failure; nothing that the other side wrote. */
  @Column('text', { name: 'last_error', nullable: true }) lastError: string | null;
  /** When somebody last began to send it. */
  @Column({ type: 'timestamptz', name: 'claimed_at', precision: 3, nullable: true }) claimedAt: Date | null;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' }) createdAt: Date;
  @Column({ type: 'timestamptz', name: 'sent_at', precision: 3, nullable: true }) sentAt: Date | null;
  @Column('int', { default: 1 }) version: number;
}
