import { type AppError, errors } from '@nexus/kernel';

interface PgFault {
  readonly code?: string;
  readonly constraint?: string;
  readonly message?: string;
  readonly driverError?: PgFault;
}

/** SQLSTATE of a failed statement, also when TypeORM wrapped it. */
export function sqlState(error: unknown): string | undefined {
  const fault = error as PgFault | null;
  return fault?.driverError?.code ?? fault?.code;
}

/** True when the statement broke this unique constraint or index (any, when none is named). */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (sqlState(error) !== '23505') return false;
  const fault = error as PgFault;
  return constraint === undefined || (fault.driverError?.constraint ?? fault.constraint) === constraint;
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH']);

/** Classes of states in which the database does nothing for this process, for now. */
const AWAY = /^(?:08|28|53|57P)/;

/**
 * What a client is told when the database could not do its work; undefined for faults that are our own.
 * Class 08 connection, 28 the login is refused (its password was changed), 53 resources (disk full, too many connections),
 * 57P0x shutdown, 57014 time-out, 40001/40P01 serialisation and deadlock (PostgreSQL, appendix A).
 */
export function databaseFault(error: unknown): AppError | undefined {
  const state = sqlState(error);
  const message = (error as PgFault | null)?.message ?? '';
  const retry = { headers: { 'retry-after': '1' }, cause: error };
  if (message === 'timeout exceeded when trying to connect') return errors.overloaded(retry);
  if (
    message.startsWith('Connection terminated') ||
    message === 'Client has encountered a connection error and is not queryable'
  )
    return errors.unavailable(retry);
  if (state === undefined) return undefined;
  if (state === '57014') return errors.timed_out({ cause: error });
  if (UNREACHABLE.has(state) || AWAY.test(state)) return errors.unavailable(retry);
  if (state === '40001' || state === '40P01' || state === '55P03') return errors.overloaded(retry);
  return undefined;
}
