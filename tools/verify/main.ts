/**
 * `npm run verify`: what needs further real servers than PostgreSQL, and the faults of a platform of many processes
 * (rolling restarts, rotations, kills) and other specs that take long. Each server is found or installed and started here; one that
 * cannot be had is named, and where CI is set that is a failure.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { findRedis } from './redis-server.ts';

type Outcome = 'passed' | 'failed' | `skipped: ${string}`;

interface Suite {
  readonly name: string;
  run(): Outcome;
}

const root = path.resolve(import.meta.dirname, '../..');

function node(...args: string[]): Outcome {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  return status === 0 ? 'passed' : 'failed';
}

/** Specs that every other run leaves out, one after the other: some hold processes to times. */
function jest(...patterns: string[]): Outcome {
  return node(
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    '--ci',
    '--runInBand',
    // The Jest configuration leaves them out.
    '--testPathIgnorePatterns=/node_modules/',
    '--testPathIgnorePatterns=/dist/',
    ...patterns,
  );
}

const SUITES: readonly Suite[] = [
  {
    name: 'faults of cache-manager-redis-store (docs/adr/0003)',
    run() {
      if (!findRedis()) return 'skipped: no Redis (apt-get install redis-server)';
      return node('tools/verify/replaced-cache-store/reproduce.ts');
    },
  },
  {
    name: 'faults under load (docs/faults.md)',
    run() {
      // Without Redis its faults are left out, and said so.
      const outcome = node('tools/faults/main.ts', '--rate=48');
      return outcome === 'passed' && !findRedis() ? 'skipped: no Redis (apt-get install redis-server)' : outcome;
    },
  },
  {
    name: 'the acceptance suite on six processes with Redis',
    run() {
      if (!findRedis()) return 'skipped: no Redis (apt-get install redis-server)';
      return node('tools/verify/acceptance-with-redis.ts');
    },
  },
  {
    name: 'the version before the last migration on the schema of this one (docs/operations.md)',
    run: () => node('tools/verify/previous-version.ts'),
  },
  {
    // In a process of its own, before it has done anything else: its figure is of the processor's time.
    name: 'goodput under three times the load (R2)',
    run: () => jest(String.raw`--testPathPatterns=/overload\.long\.spec\.ts$`),
  },
  {
    name: 'test/verify and *.long.spec.ts',
    run: () =>
      jest(
        String.raw`--testPathIgnorePatterns=/overload\.long\.spec\.ts$`,
        '--testPathPatterns=/test/verify/',
        String.raw`--testPathPatterns=\.long\.spec\.ts$`,
      ),
  },
];

const serversMustBeThere = !['', '0', 'false'].includes(process.env.CI ?? '');
let failed = false;
for (const { name, run } of SUITES) {
  console.log(`--> ${name}`);
  const start = performance.now();
  const outcome = run();
  console.log(`--> ${name}: ${outcome} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  if (outcome === 'failed' || (outcome.startsWith('skipped') && serversMustBeThere)) failed = true;
}
process.exitCode = failed ? 1 : 0;
