import { type Exchange, toAppError, writeError } from '@nexus/http';

/** What a step says: go on, or the answer is given. */
export type Verdict = 'continue' | 'answered';

/** One plain function of the policy chain. What it throws becomes the answer. */
export type Step = (exchange: Exchange) => Verdict | Promise<Verdict>;

/** Told of faults that are ours. */
export type CrashReport = (exchange: Exchange, error: unknown) => void;

/**
 * Runs the steps in order, without a promise as long as none of them needs one: a known caller who asks for a
 * cached answer is served in the turn of the event loop that read the request.
 *
 * @param last takes the request when every step let it pass
 */
export function runChain(
  steps: readonly Step[],
  exchange: Exchange,
  last: (exchange: Exchange) => void,
  crashed: CrashReport,
): void {
  advance(0);

  function advance(from: number): void {
    try {
      for (let i = from; i < steps.length; i++) {
        const verdict = (steps[i] as Step)(exchange);
        if (verdict === 'continue') continue;
        if (verdict === 'answered') return;
        verdict.then((later) => {
          if (later === 'continue') advance(i + 1);
        }, fail);
        return;
      }
      last(exchange);
    } catch (error) {
      fail(error);
    }
  }

  function fail(thrown: unknown): void {
    const error = toAppError(thrown);
    if (error.status === 500) crashed(exchange, thrown);
    writeError(exchange, error);
  }
}
