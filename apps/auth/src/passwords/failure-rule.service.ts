/** What is remembered of the failures of one e-mail address. Times are milliseconds since the epoch. */
export interface FailureState {
  /** The failures that may still count, oldest first. */
  readonly failedAt: readonly number[];
  /** Failures since there have been too many. */
  readonly strikes: number;
  readonly nextAllowedAt: number | undefined;
  readonly lastFailedAt: number;
}

export interface FailureLimits {
  /** So many failures within the window are too many. */
  readonly failures: number;
  readonly windowMs: number;
}

const FIRST_WAIT_MS = 30_000;
/** Strikes are forgotten after so long without a failure: then the count starts afresh. */
export const FORGET_MS = 86_400_000;

export const NO_FAILURES: FailureState = {
  failedAt: [],
  strikes: 0,
  nextAllowedAt: undefined,
  lastFailedAt: Number.NEGATIVE_INFINITY,
};

/** How long nobody may try any more, in ms; 0 when an attempt is open. */
export function waitOf(state: FailureState, now: number): number {
  return Math.max(0, (state.nextAllowedAt ?? 0) - now);
}

/**
 * The state after one more failure. With the failure that makes too many within the window a wait begins; each further
 * one doubles it, from 30 s up to the window's length.
 */
export function afterFailure(state: FailureState, now: number, limits: FailureLimits): FailureState {
  const recent = [...state.failedAt.filter((at) => at > now - limits.windowMs), now].slice(-limits.failures);
  const remembered = state.lastFailedAt > now - FORGET_MS ? state.strikes : 0;
  const strikes = remembered > 0 || recent.length >= limits.failures ? remembered + 1 : 0;
  const wait = Math.min(FIRST_WAIT_MS * 2 ** (strikes - 1), limits.windowMs);
  return {
    failedAt: recent,
    strikes,
    nextAllowedAt: strikes > 0 ? now + wait : undefined,
    lastFailedAt: now,
  };
}
