import { type Exchange, toAppError, writeError } from '@nexus/http';

/** What a step says: go on, or the answer is given. */
export type Verdict = 'continue' | 'answered';

/** One plain function of the policy chain. What it throws becomes the answer. */
export type Step = (exchange: Exchange) => Verdict | Promise<Verdict>;

/** Told of faults that are ours. */
export type CrashReport = (exchange: Exchange, error: unknown) => void;

/** What one request of a listener passes; made once per listener. */
export interface Chain {
  readonly steps: readonly Step[];
  /** Takes the request when every step let it pass. */
  readonly last: (exchange: Exchange) => void;
  readonly crashed: CrashReport;
}

function fail({ crashed }: Chain, exchange: Exchange, thrown: unknown): void {
  const error = toAppError(thrown);
  if (error.status === 500) crashed(exchange, thrown);
  writeError(exchange, error);
}

/**
 * Runs the steps in order, without a promise as long as none of them needs one: a known caller who asks for a
 * cached answer is served in the turn of the event loop that read the request.
 *
 * @param from the step to begin with
 */
export function runChain(chain: Chain, exchange: Exchange, from = 0): void {
  try {
    const { steps, last } = chain;
    for (let i = from; i < steps.length; i++) {
      const verdict = (steps[i] as Step)(exchange);
      if (verdict === 'continue') continue;
      if (verdict === 'answered') return;
      verdict.then(
        (later) => {
          if (later === 'continue') runChain(chain, exchange, i + 1);
        },
        (thrown: unknown) => fail(chain, exchange, thrown),
      );
      return;
    }
    last(exchange);
  } catch (error) {
    fail(chain, exchange, error);
  }
}
