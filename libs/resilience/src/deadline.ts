import { type CallContext, type Clock, systemClock } from '@nexus/kernel';

/**
 * Field that carries a deadline from hop to hop: whole milliseconds that are left. It is relative, so the clocks of
 * two machines need not agree; time on the wire is not counted.
 */
export const DEADLINE_HEADER = 'x-nexus-deadline-ms';

/** @returns whole milliseconds until the deadline of the call, 0 when it has passed */
export function remainingMs(context: Pick<CallContext, 'deadline'>, clock: Clock = systemClock): number {
  return Math.max(0, Math.floor(context.deadline - clock.now()));
}

/** @returns the value of {@link DEADLINE_HEADER} for a call made now */
export function deadlineHeader(context: Pick<CallContext, 'deadline'>, clock: Clock = systemClock): string {
  return String(remainingMs(context, clock));
}

/**
 * Reads {@link DEADLINE_HEADER} of a call that has just arrived.
 *
 * @param value the field's value; absent, repeated or malformed means that the caller set no limit
 * @param capMs longest time that is granted, in ms
 * @returns the deadline in milliseconds since the epoch, at most `capMs` from now
 */
export function deadlineFrom(
  value: string | readonly string[] | undefined,
  capMs: number,
  clock: Clock = systemClock,
): number {
  const left = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : capMs;
  return clock.now() + Math.min(left, capMs);
}
