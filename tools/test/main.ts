/**
 * `npm test`: everything that needs Node alone, in two lanes that run side by side. One checks the source and runs the
 * tests beside it; the other holds the acceptance suite and the tour of the README against the platform, once for each
 * of its shapes. With NEXUS_BASE_URL set, they go to that server instead (test/acceptance/README.md says what else it
 * takes); with NEXUS_TEST_REDIS_URL, to a platform that is started with that Redis.
 *
 *   node tools/test/main.ts [check | specs | acceptance | readme]…
 */
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { type ServerUnderTest, startPlatform } from './platform-server.ts';
import { type Lane, runLanes, type Step, type StepContext, summary } from './run-steps.ts';
import { runNode } from './step-process.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Some specs wait more than they work: more workers than cores keep those busy. */
const SPEC_WORKERS = 3;

const node = (args: readonly string[], context: StepContext, env: Readonly<Record<string, string>> = {}) =>
  runNode(args, { cwd: root, env }, context);

const jest = (workers: number, ...more: string[]): string[] => [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
  '--workerThreads=false',
  '-w',
  String(workers),
  ...more,
];

/** The tour is typed into a shell; where there is none with curl, only CI insists. */
async function tour(context: StepContext, env: Readonly<Record<string, string>>): Promise<void> {
  const missing = ['bash', 'curl'].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
  if (missing.length === 0) return node(jest(1, '-c', 'test/readme/jest.config.js'), context, env);
  if (process.env.CI) throw new Error(`the tour needs ${missing.join(' and ')}`);
  context.print(`The tour of the README was left out: there is no ${missing.join(' and no ')} here.`);
}

/** A form in which the platform runs, and what is held against it. */
interface Shape {
  /** Follows the names of the steps after a colon. */
  readonly label?: string;
  readonly does: string;
  /** None for a server that is there already, which the environment names. */
  readonly start?: (context: StepContext) => Promise<ServerUnderTest>;
  /** Whether the tour of the README goes there, too. */
  readonly tour: boolean;
}

const given = process.env.NEXUS_BASE_URL;
const redisUrl = process.env.NEXUS_TEST_REDIS_URL;
const shapes: readonly Shape[] = given
  ? [{ does: given, tour: true }]
  : [
      {
        does: 'the platform as one process',
        start: (context) => startPlatform(root, context, { redisUrl }),
        tour: true,
      },
      {
        label: 'six',
        does: 'the platform as six processes',
        start: (context) => startPlatform(root, context, { split: true, redisUrl }),
        tour: true,
      },
    ];

/** Start, hold everything against it, stop. */
function stepsOn({ label, does, start, tour: touring }: Shape): Step[] {
  let server: ServerUnderTest | undefined;
  const named = (name: string): string => (label ? `${name}:${label}` : name);
  const acceptance: Step = {
    name: named('acceptance'),
    does: `the black box against ${does}`,
    run: (context) => node(jest(2, '-c', 'test/acceptance/jest.config.js'), context, server?.env),
  };
  const readme: Step = {
    name: named('readme'),
    does: `the tour of the README against ${does}`,
    run: (context) => tour(context, server?.env ?? {}),
  };
  const suites = touring ? [acceptance, readme] : [acceptance];
  if (!start) return suites;
  const up: Step = {
    name: named('start'),
    does,
    run: async (context) => {
      server = await start(context);
    },
  };
  const down: Step = {
    name: named('stop'),
    does: 'it ends cleanly and leaves nothing running',
    always: true,
    run: async (context) => {
      await server?.stop(context);
      server = undefined;
    },
  };
  return [up, ...suites, down];
}

const lanes: readonly Lane[] = [
  [
    {
      name: 'check',
      does: 'format, lint, types, dependencies, generated files',
      run: (context) => node(['tools/check/main.ts'], context),
    },
    { name: 'specs', does: 'the tests beside the source', run: (context) => node(jest(SPEC_WORKERS), context) },
  ],
  shapes.flatMap(stepsOn),
];

/** The steps of these names, with those that start and stop what they run against. */
function picked(wanted: readonly string[]): readonly Lane[] {
  if (wanted.length === 0) return lanes;
  const shapeOf = (name: string): string => name.split(':')[1] ?? '';
  const shapesWanted = new Set(wanted.filter((name) => /^(acceptance|readme)\b/.test(name)).map(shapeOf));
  const serves = (name: string): boolean => /^(start|stop)\b/.test(name) && shapesWanted.has(shapeOf(name));
  return lanes
    .map((lane) => lane.filter(({ name }) => wanted.includes(name) || serves(name)))
    .filter((lane) => lane.length > 0);
}

const wanted = process.argv.slice(2);
const pickable = lanes.flat().flatMap(({ name }) => (/^(start|stop)\b/.test(name) ? [] : [name]));
const unknown = wanted.filter((name) => !pickable.includes(name));
if (unknown.length > 0) {
  console.error(`No step ${unknown.join(', ')}; there are ${pickable.join(', ')}.`);
  process.exit(1);
}

/** A signal ends what runs, in both lanes, and then this process. */
const told = new AbortController();
let signalled: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    signalled ??= signal;
    told.abort();
  });
}

const start = performance.now();
const outcomes = await runLanes(picked(wanted), { print: (line) => console.log(line), signal: told.signal });
console.log(`\n${summary(outcomes, (performance.now() - start) / 1000)}`);
if (signalled) process.exit(128 + constants.signals[signalled]);
process.exit(outcomes.every(({ result }) => result === 'ok') ? 0 : 1);
