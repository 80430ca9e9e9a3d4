import { USER_STATUSES } from '@nexus/contracts';
import { ROLES, type Role } from '@nexus/kernel';
import { Check, Column, Entity, PrimaryColumn, Unique } from 'typeorm';

type AccountStatus = (typeof USER_STATUSES)[number];

const oneOf = (column: string, values: readonly string[]) =>
  `${column} IN (${values.map((value) => `'${value}'`).join(', ')})`;

/** Who may sign in, with what, as what. The profile is the user service's. */
@Entity({ schema: 'auth', name: 'accounts' })
@Unique('accounts_email_key', ['email'])
@Check('accounts_role_check', oneOf('role', ROLES))
@Check('accounts_status_check', oneOf('status', USER_STATUSES))
export class AccountEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'accounts_pkey' })
  id: string;

  /** Canonical form: lower-case. */
  @Column('text')
  email: string;

  /** PHC string. */
  @Column('text', { name: 'password_hash' })
  passwordHash: string;

  /** Counts changes of the password, not of the parameters it is hashed with. */
  @Column('int', { name: 'password_version', default: 1 })
  passwordVersion: number;

  @Column('text', { default: 'user' })
  role: Role;

  @Column('boolean', { name: 'email_verified', default: false })
  emailVerified: boolean;

  /** As the user service has decided. */
  @Column('text', { default: 'active' })
  status: AccountStatus;

  /** Version of the person at that decision. */
  @Column('int', { name: 'status_version', default: 0 })
  statusVersion: number;

  /** Since when an administrator keeps the account locked. */
  @Column('timestamptz', { name: 'locked_at', nullable: true })
  lockedAt: Date | null;

  @Column('int', { default: 1 })
  version: number;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}

/** The one reason, if any, for which the right password opens no session. */
export function barredBy(account: Pick<AccountEntity, 'lockedAt' | 'status'>): 'locked' | 'deactivated' | undefined {
  if (account.lockedAt) return 'locked';
  return account.status === 'active' ? undefined : 'deactivated';
}
