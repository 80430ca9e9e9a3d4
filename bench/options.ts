import { parseArgs } from 'node:util';
import {
  GATEWAY_SCENARIO_NAMES,
  PRODUCT_SCENARIO_NAMES,
  type ScenarioName,
  SELECTABLE_NAMES,
  type SelectableName,
} from './scenarios.ts';

export interface Options {
  rounds: number;
  /** How often each contestant has its turn in a round. */
  turns: number;
  /** Load on each contestant in a round, in seconds; a turn is prolonged up to twice while it holds too little CPU time. */
  seconds: number;
  warmup: number;
  only: SelectableName[];
  quick: boolean;
  /** Exit code 1 when a target is missed. */
  check: boolean;
  /** Measure the references alone, to calibrate the harness. */
  referencesOnly: boolean;
  /** Take CPU profiles of Nexus under this scenario, and nothing else. */
  profile: ScenarioName | undefined;
  /** The entry of the build to measure. */
  main: string;
  /** Where the Markdown report goes, or the profiles. `undefined`: nowhere. */
  out: string | undefined;
  /** The command line without names of files, for the report. */
  command: string;
}

export class UsageError extends Error {}

export const USAGE = `npm run bench -- [options]
  --rounds=5          rounds; every scenario and contestant once in each
  --turns=5           how often contestants take turns in each scenario of a round
  --seconds=5         load on each contestant in a round, in all its turns together
  --warmup=2          load before the first turn of a round that is not counted, in seconds
  --only=a,b          of ${SELECTABLE_NAMES.join(', ')}
  --quick             one short round: shows that everything runs, its figures mean nothing
  --check             exit code 1 when a target is missed
  --references-only   what needs neither Nexus nor its tables, alone: calibrates the harness
  --profile=NAME      one sample of Nexus under this scenario, with a CPU profile: prints where the time goes
  --main=FILE         entry of the build to measure (default: dist/apps/main.js)
  --out=FILE          where the report goes (default: bench/results.md, for complete runs of at least 5 rounds);
                      with --profile, the profile itself, for the developer tools of a browser`;

const ROUNDS_OF_A_RESULT = 5;

/** @throws UsageError with a sentence about what is wrong */
export function readOptions(args: string[], defaults: { out: string; main: string }): Options {
  const values = parse(args);
  const quick = values.quick === true;
  const rounds = positive('--rounds', values.rounds, quick ? 1 : 5);
  const turns = positive('--turns', values.turns, quick ? 1 : 5);
  for (const [name, value] of Object.entries({ rounds, turns }))
    if (!Number.isInteger(value)) throw new UsageError(`--${name} must be a whole number`);
  const profile = values.profile === undefined ? undefined : loadScenario(values.profile);
  if (profile !== undefined && (values.only !== undefined || values['references-only']))
    throw new UsageError('--profile takes one scenario of its own');
  const only = profile
    ? [profile]
    : (values.only?.split(',').map(selectable) ?? defaultNames(values['references-only']));
  const complete =
    !quick &&
    rounds >= ROUNDS_OF_A_RESULT &&
    values.only === undefined &&
    profile === undefined &&
    !values['references-only'] &&
    values.main === undefined;
  // Where files lie is nobody's business but this machine's.
  const shown = args.filter((arg) => !/^--(out|main)\b/.test(arg));
  return {
    rounds,
    turns,
    seconds: positive('--seconds', values.seconds, quick ? 1.5 : 5),
    warmup: positive('--warmup', values.warmup, quick ? 0.5 : 2),
    only,
    quick,
    check: values.check === true,
    referencesOnly: values['references-only'] === true,
    profile,
    main: values.main ?? defaults.main,
    out: values.out ?? (complete ? defaults.out : undefined),
    command: ['npm run bench', ...(shown.length === 0 ? [] : ['--', ...shown])].join(' '),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        rounds: { type: 'string' },
        turns: { type: 'string' },
        seconds: { type: 'string' },
        warmup: { type: 'string' },
        only: { type: 'string' },
        quick: { type: 'boolean' },
        check: { type: 'boolean' },
        'references-only': { type: 'boolean' },
        profile: { type: 'string' },
        main: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function positive(name: string, text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  const value = Number(text);
  if (!(value > 0 && value <= 3600)) throw new UsageError(`${name} must be a number above 0`);
  return value;
}

/** Without Nexus there is no gateway to compare with. */
function defaultNames(referencesOnly: boolean | undefined): SelectableName[] {
  return referencesOnly ? [...PRODUCT_SCENARIO_NAMES] : [...SELECTABLE_NAMES];
}

function selectable(text: string): SelectableName {
  return oneOf(SELECTABLE_NAMES, text);
}

function loadScenario(text: string): ScenarioName {
  return oneOf([...PRODUCT_SCENARIO_NAMES, ...GATEWAY_SCENARIO_NAMES], text);
}

function oneOf<Name extends string>(names: readonly Name[], text: string): Name {
  const found = names.find((name) => name === text.trim());
  if (found === undefined) throw new UsageError(`no scenario "${text.trim()}"; there are ${names.join(', ')}`);
  return found;
}
