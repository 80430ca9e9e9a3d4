/** One step of `npm test`. */
export interface Step {
  readonly name: string;
  readonly does: string;
  /** Also runs after a failure: it takes down what an earlier step has set up. */
  readonly always?: boolean;
  /** @throws Error whose message says in one sentence what failed; more than that has been printed by then */
  readonly run: () => Promise<void>;
}

export type Result = 'ok' | 'FAIL' | 'not run';

export interface Outcome {
  readonly name: string;
  readonly result: Result;
  readonly seconds: number;
  readonly fault?: string;
}

/** Runs the steps in order up to the first that fails, and then only those that always run. */
export async function runSteps(steps: readonly Step[], print: (line: string) => void): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let failed = false;
  for (const step of steps) {
    if (failed && !step.always) {
      outcomes.push({ name: step.name, result: 'not run', seconds: 0 });
      continue;
    }
    print(`\n── ${step.name}: ${step.does}`);
    const start = performance.now();
    const fault = await faultOf(step);
    const seconds = (performance.now() - start) / 1000;
    failed ||= fault !== undefined;
    outcomes.push({
      name: step.name,
      result: fault === undefined ? 'ok' : 'FAIL',
      seconds,
      ...(fault === undefined ? {} : { fault }),
    });
  }
  return outcomes;
}

async function faultOf(step: Step): Promise<string | undefined> {
  try {
    await step.run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A line for each step, and one for all. */
export function summary(steps: readonly Step[], outcomes: readonly Outcome[]): string {
  const width = Math.max(...steps.map(({ name }) => name.length));
  const lines = outcomes.map(({ name, result, seconds, fault }, n) => {
    const time = result === 'not run' ? ' '.repeat(9) : `${seconds.toFixed(1).padStart(7)} s`;
    return `${result.padEnd(7)} ${name.padEnd(width)} ${time}  ${fault ?? steps[n]?.does ?? ''}`;
  });
  const failed = outcomes.filter(({ result }) => result === 'FAIL').map(({ name }) => name);
  const total = outcomes.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1);
  const verdict = failed.length === 0 ? `all ${outcomes.length} steps passed` : `failed: ${failed.join(', ')}`;
  return `${lines.join('\n')}\ntest: ${verdict} in ${total} s`;
}
