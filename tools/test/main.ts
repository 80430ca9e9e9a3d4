/**
 * `npm test`: everything that needs Node alone. Checks, the tests beside the source, the acceptance suite against the
 * platform as one process, and the tour of the README against the same. With NEXUS_BASE_URL set, the acceptance suite
 * and the tour go to that server (test/acceptance/README.md says what else it takes).
 *
 *   node tools/test/main.ts [check | specs | acceptance | readme]…
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { type ServerUnderTest, startPlatform } from './platform-server.ts';
import { runSteps, type Step, summary } from './run-steps.ts';

const root = path.resolve(import.meta.dirname, '../..');
const JEST = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
  '--workerThreads=false',
  '-w',
  '2',
];

let running: ChildProcess | undefined;
let server: ServerUnderTest | undefined;
let interrupted = false;

/** Runs Node with these arguments, and its output as our own. */
async function node(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  if (interrupted) throw new Error('interrupted');
  const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' });
  running = child;
  const ending = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  running = undefined;
  if (ending !== 'code 0') throw new Error(`${args.find((arg) => !arg.startsWith('-'))} ended with ${ending}`);
}

/** The tour is typed into a shell; where there is none with curl, only CI insists. */
async function tour(env: Readonly<Record<string, string>>): Promise<void> {
  const missing = ['bash', 'curl'].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
  if (missing.length === 0) return node([...JEST, '-c', 'test/readme/jest.config.js'], env);
  if (process.env.CI) throw new Error(`the tour needs ${missing.join(' and ')}`);
  console.log(`The tour of the README was left out: there is no ${missing.join(' and no ')} here.`);
}

const given = process.env.NEXUS_BASE_URL !== undefined && process.env.NEXUS_BASE_URL !== '';
const startAndStop: { readonly start: Step[]; readonly stop: Step[] } = given
  ? { start: [], stop: [] }
  : {
      start: [
        {
          name: 'start',
          does: 'the platform as one process',
          run: async () => {
            server = await startPlatform(root);
          },
        },
      ],
      stop: [
        {
          name: 'stop',
          does: 'the platform ends cleanly and leaves nothing running',
          always: true,
          run: async () => {
            await server?.stop();
            server = undefined;
          },
        },
      ],
    };

const steps: readonly Step[] = [
  {
    name: 'check',
    does: 'format, lint, types, dependencies, generated files',
    run: () => node(['tools/check/main.ts']),
  },
  { name: 'specs', does: 'the tests beside the source', run: () => node(JEST) },
  ...startAndStop.start,
  {
    name: 'acceptance',
    does: `the black box against ${given ? process.env.NEXUS_BASE_URL : 'it'}`,
    run: () => node([...JEST, '-c', 'test/acceptance/jest.config.js'], server?.env),
  },
  { name: 'readme', does: 'the tour of the README', run: () => tour(server?.env ?? {}) },
  ...startAndStop.stop,
];

/** A signal ends what runs; the steps then end by themselves, and the platform with them. */
function interrupt(signal: NodeJS.Signals): void {
  interrupted = true;
  running?.kill(signal);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));

const wanted = process.argv.slice(2);
const pickable = steps.map(({ name }) => name).filter((name) => name !== 'start' && name !== 'stop');
const unknown = wanted.filter((name) => !pickable.includes(name));
if (unknown.length > 0) {
  console.error(`No step ${unknown.join(', ')}; there are ${pickable.join(', ')}.`);
  process.exit(1);
}
const needsServer = wanted.some((name) => name === 'acceptance' || name === 'readme');
const picked =
  wanted.length === 0
    ? steps
    : steps.filter(({ name }) => wanted.includes(name) || (needsServer && !pickable.includes(name)));

const outcomes = await runSteps(picked, (line) => console.log(line));
console.log(`\n${summary(picked, outcomes)}`);
process.exit(outcomes.every(({ result }) => result === 'ok') ? 0 : 1);
