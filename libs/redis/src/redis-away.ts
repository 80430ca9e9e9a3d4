/** Why Redis gave no answer that counts. */
export type RedisAwayReason = 'refused' | 'late' | 'failed';

/**
 * Redis is not to be had. Callers go on without it.
 *
 * `refused`: it was not asked, because it did not answer lately. `late`: it was asked and said nothing in time; it may
 * still do what it was asked. `failed`: it answered with an error, or the connection ended; see `cause`.
 */
export class RedisAway extends Error {
  override readonly name = 'RedisAway';

  constructor(
    readonly reason: RedisAwayReason,
    cause?: unknown,
  ) {
    super(`Redis gave no answer: ${reason}`, cause === undefined ? undefined : { cause });
  }
}

/** One for all: there may be thousands a second, and where they come from says nothing. */
export const REFUSED: RedisAway = new RedisAway('refused');
export const LATE: RedisAway = new RedisAway('late');
