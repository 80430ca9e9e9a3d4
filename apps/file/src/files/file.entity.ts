import { Column, Entity, PrimaryColumn } from 'typeorm';

/** PostgreSQL's bigint comes as text; sizes stay far below 2^53. */
const toNumber = { from: Number, to: (value: number) => value };

export const FILE_STATUSES = ['active', 'trashed'] as const;
export type FileStatus = (typeof FILE_STATUSES)[number];

/** A file: whose it is, what it is called, and which object holds its bytes. */
@Entity({ schema: 'file', name: 'files' })
export class FileEntity {
  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'owner_id' })
  ownerId: string;

  /** Null: the owner's alone. Otherwise the project decides who may do what. */
  @Column('uuid', { name: 'project_id', nullable: true })
  projectId: string | null;

  @Column('text')
  name: string;

  /** The words of the name, see `searchWords`. */
  @Column('tsvector', { select: false })
  search: string;

  @Column('bigint', { transformer: toNumber })
  size: number;

  /** Media type as declared, see `keptContentType`. */
  @Column('text', { name: 'content_type' })
  contentType: string;

  /** What the first bytes say; null when they say nothing. */
  @Column('text', { name: 'detected_type', nullable: true })
  detectedType: string | null;

  /** Lower-case hex. */
  @Column('text')
  sha256: string;

  @Column('uuid', { name: 'object_key', unique: true })
  objectKey: string;

  @Column('int', { default: 1 })
  version: number;

  @Column('text', { default: 'active' })
  status: FileStatus;

  @Column({ type: 'timestamp with time zone', name: 'trashed_at', precision: 3, nullable: true })
  trashedAt: Date | null;

  @Column({ type: 'timestamp with time zone', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamp with time zone', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
