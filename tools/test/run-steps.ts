/** What a step is given while it runs. */
export interface StepContext {
  /** Aborted when the step is to end before it is done. */
  readonly signal: AbortSignal;
  /** Shows a line of what the step says. */
  readonly print: (line: string) => void;
}

/** One step of `npm test`. */
export interface Step {
  readonly name: string;
  readonly does: string;
  /** Also runs after a failure: it takes down what an earlier step of its lane has set up. */
  readonly always?: boolean;
  /** @throws Error whose message says in one sentence what failed; more than that has been printed by then */
  readonly run: (context: StepContext) => Promise<void>;
}

/** Steps that run one after the other; lanes run side by side. */
export type Lane = readonly Step[];

export type Result = 'ok' | 'FAIL' | 'ended' | 'not run';

export interface Outcome {
  readonly name: string;
  readonly does: string;
  readonly result: Result;
  readonly seconds: number;
  readonly fault?: string;
  /** The last of what the step has printed. */
  readonly said: readonly string[];
}

export interface RunOptions {
  /** Shows a line. */
  readonly print: (line: string) => void;
  /** Ends every lane: the steps that run are ended, and only those that always run follow. */
  readonly signal?: AbortSignal;
}

/** Lines of a failed step that are shown again; Jest ends with a summary of what failed. */
const KEPT_LINES = 400;

/** Never aborted: what cleans up is not to be hurried. */
const UNHURRIED = new AbortController().signal;

async function runStep(step: Step, signal: AbortSignal, print: (line: string) => void): Promise<Outcome> {
  const said: string[] = [];
  const context: StepContext = {
    signal,
    print: (line) => {
      said.push(line);
      if (said.length > KEPT_LINES) said.shift();
      print(line);
    },
  };
  const start = performance.now();
  let fault: string | undefined;
  try {
    await step.run(context);
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  const seconds = (performance.now() - start) / 1000;
  const { name, does } = step;
  if (fault === undefined) return { name, does, result: 'ok', seconds, said };
  // What fails while it is being ended says nothing about what it tests.
  return { name, does, result: signal.aborted ? 'ended' : 'FAIL', seconds, fault, said };
}

/**
 * Runs the lanes side by side, each up to its first step that fails. That ends the other lanes too; the steps that
 * always run still do. Every line says whose it is.
 * @returns what became of each step, lane by lane
 */
export async function runLanes(lanes: readonly Lane[], { print, signal }: RunOptions): Promise<Outcome[]> {
  const failure = new AbortController();
  const ending = AbortSignal.any([failure.signal, ...(signal ? [signal] : [])]);
  const width = Math.max(0, ...lanes.flat().map(({ name }) => name.length));
  const runLane = async (lane: Lane): Promise<Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (const step of lane) {
      const { name, does } = step;
      if (ending.aborted && !step.always) {
        outcomes.push({ name, does, result: 'not run', seconds: 0, said: [] });
        continue;
      }
      const own = (line: string): void => print(`${name.padEnd(width)} │ ${line}`.trimEnd());
      own(`── ${does}`);
      const outcome = await runStep(step, step.always ? UNHURRIED : ending, own);
      own(`── ${outcome.result}${outcome.fault === undefined ? '' : `: ${outcome.fault}`}`);
      outcomes.push(outcome);
      if (outcome.result === 'FAIL') failure.abort();
    }
    return outcomes;
  };
  return (await Promise.all(lanes.map(runLane))).flat();
}

/**
 * What failed, once more and whole; then a line for each step, and one for all.
 * @param seconds how long all of them took together
 */
export function summary(outcomes: readonly Outcome[], seconds: number): string {
  const failed = outcomes.filter(({ result }) => result === 'FAIL');
  const again = failed.map(({ name, said }) => [`── What ${name} said last`, ...said, ''].join('\n'));
  const width = Math.max(...outcomes.map(({ name }) => name.length));
  const lines = outcomes.map(({ name, does, result, seconds: own, fault }) => {
    const time = result === 'not run' ? ' '.repeat(9) : `${own.toFixed(1).padStart(7)} s`;
    return `${result.padEnd(7)} ${name.padEnd(width)} ${time}  ${fault ?? does}`;
  });
  const whole = outcomes.every(({ result }) => result === 'ok');
  const verdict = whole
    ? `all ${outcomes.length} steps passed`
    : failed.length > 0
      ? `failed: ${failed.map(({ name }) => name).join(', ')}`
      : 'ended before it was done';
  return [...again, ...lines, `test: ${verdict} in ${seconds.toFixed(1)} s`].join('\n');
}
