import { createHmac } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type AuditEntry, AuditTrail } from '@nexus/audit';
import { challenge } from '@nexus/auth-guards';
import { Database, type Sql, type Transaction } from '@nexus/database';
import type { AppError, CallContext } from '@nexus/kernel';
import { type AuthConfig, authConfig } from '../auth.config.js';
import { authErrors } from '../auth.errors.js';
import { DerivedKeys } from '../secrets/derived-keys.service.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { afterFailure, type FailureLimits, type FailureState, NO_FAILURES, waitOf } from './failure-rule.service.js';
import { type FailureRow, LoginFailuresRepository } from './login-failures.repository.js';

/** Whose password is tried: an e-mail address and, where there is one, its account. */
export interface Attempt {
  readonly email: string;
  readonly accountId: string | undefined;
  /** What was attempted; the audit record's action. */
  readonly action: 'session.start' | 'password.change';
  /** The request's field with the password, where naming it tells nothing. */
  readonly field?: string;
}

const AUDITED_DIGEST_BYTES = 12;

/**
 * Counts wrong passwords per e-mail address, whether or not somebody has it and wherever they come from, and lets
 * none be tried while the address has to wait.
 */
@Injectable()
export class LoginFailures {
  private readonly limits: FailureLimits;

  constructor(
    private readonly db: Database,
    private readonly repository: LoginFailuresRepository,
    private readonly audit: AuditTrail,
    private readonly keys: DerivedKeys,
    private readonly clock: AuthClock,
    @Inject(authConfig.token) config: AuthConfig,
  ) {
    this.limits = { failures: config.LOGIN_FAILURES, windowMs: config.LOGIN_FAILURE_WINDOW_SECONDS * 1000 };
  }

  /**
   * Lets an attempt begin.
   * @throws AppError `too_many_failures`
   */
  async assertOpen(ctx: CallContext, attempt: Attempt): Promise<void> {
    const wait = waitOf(toState(await this.repository.read(this.digest(attempt.email))), this.clock.now());
    if (wait > 0) throw await this.refuse(this.db, ctx, attempt, wait);
  }

  /**
   * Notes a wrong password. The answer is what the caller is to throw: an attempt that began before another one closed
   * the address learns nothing about its password.
   */
  async fail(ctx: CallContext, attempt: Attempt): Promise<AppError> {
    const digest = this.digest(attempt.email);
    return this.db.transaction(async (tx) => {
      const state = toState(await this.repository.take(tx, digest));
      const now = this.clock.now();
      const wait = waitOf(state, now);
      if (wait > 0) return this.refuse(tx, ctx, attempt, wait);
      const next = afterFailure(state, now, this.limits);
      await this.repository.save(tx, digest, toRow(next));
      const known = this.record(attempt);
      await this.audit.record(tx, ctx, {
        ...known,
        outcome: 'failure',
        details: { ...known.details, reason: 'wrong_password', wait_seconds: seconds(waitOf(next, now)) },
      });
      const { field } = attempt;
      return authErrors.invalid_credentials({ headers: challenge(), ...(field === undefined ? {} : { field }) });
    });
  }

  /**
   * Forgets the failures after the right password.
   * @returns what to throw instead, when another attempt has closed the address meanwhile
   */
  async succeed(tx: Transaction, ctx: CallContext, attempt: Attempt): Promise<AppError | undefined> {
    const digest = this.digest(attempt.email);
    const row = await this.repository.lock(tx, digest);
    if (!row) return undefined;
    const wait = waitOf(toState(row), this.clock.now());
    if (wait > 0) return this.refuse(tx, ctx, attempt, wait);
    await this.repository.remove(tx, digest);
    return undefined;
  }

  /** What to throw although the password was right, and the record of it. */
  async bar(tx: Transaction, ctx: CallContext, attempt: Attempt, reason: 'locked' | 'deactivated'): Promise<AppError> {
    const known = this.record(attempt);
    await this.audit.record(tx, ctx, { ...known, outcome: 'denied', details: { ...known.details, reason } });
    return reason === 'locked' ? authErrors.account_locked() : authErrors.account_disabled();
  }

  /** Lets the address be tried again at once. */
  async forget(tx: Transaction, email: string): Promise<void> {
    await this.repository.remove(tx, this.digest(email));
  }

  /** What an audit record says of an attempt; an address that nobody has stays a digest. */
  private record(attempt: Attempt): Omit<AuditEntry, 'outcome'> {
    const { action, accountId } = attempt;
    if (accountId !== undefined) return { action, target: { type: 'account', id: accountId } };
    const email_digest = this.digest(attempt.email).subarray(0, AUDITED_DIGEST_BYTES).toString('base64url');
    return { action, details: { email_digest } };
  }

  private async refuse(sql: Sql, ctx: CallContext, attempt: Attempt, wait: number): Promise<AppError> {
    const retryAfter = seconds(wait);
    const known = this.record(attempt);
    await this.audit.record(sql, ctx, {
      ...known,
      outcome: 'denied',
      details: { ...known.details, reason: 'too_many_failures', wait_seconds: retryAfter },
    });
    return authErrors.too_many_failures({ headers: { 'retry-after': String(retryAfter) } });
  }

  private digest(email: string): Buffer {
    return createHmac('sha256', this.keys.emailDigests).update(email).digest();
  }
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

function toState(row: FailureRow | undefined): FailureState {
  if (!row || row.failedAt.length === 0) return NO_FAILURES;
  return {
    failedAt: row.failedAt.map((at) => at.getTime()),
    strikes: row.strikes,
    nextAllowedAt: row.nextAllowedAt?.getTime(),
    lastFailedAt: row.lastFailedAt.getTime(),
  };
}

function toRow(state: FailureState): FailureRow {
  return {
    failedAt: state.failedAt.map((at) => new Date(at)),
    strikes: state.strikes,
    nextAllowedAt: state.nextAllowedAt === undefined ? null : new Date(state.nextAllowedAt),
    lastFailedAt: new Date(state.lastFailedAt),
  };
}
