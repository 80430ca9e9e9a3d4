/**
 * `npm run test:faults`: everything around the platform fails, one thing after the other, while clients use it. See
 * docs/faults.md.
 */
import { randomInt } from 'node:crypto';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Fault, faultsOf, MEANING, pickFaults } from './fault-list.ts';
import { Chance } from './load/chance.ts';
import type { Shape } from './platform.ts';
import { redisHere } from './redis-part.ts';
import { runShape } from './run.ts';

const USAGE = `npm run test:faults [-- options]

  --shape=all|split   one process, or six; both unless given
  --fault=…           a name (auth-kill), a part (auth) or a trouble (kill); several with commas; all unless given
  --seconds=N         how long each fault lasts that is not over at once
  --rate=N            requests per second; 72 unless given
  --seed=N            of the order of the faults and of what clients do; another one each time unless given
  --verbose           says of each fault what kinds of errors it made, and keeps the logs
  --list              names the faults
`;

const root = path.resolve(import.meta.dirname, '../..');

interface Options {
  readonly shapes: readonly Shape[];
  readonly wanted: readonly string[];
  readonly seconds: number | undefined;
  readonly rate: number;
  readonly seed: number;
  readonly verbose: boolean;
  readonly list: boolean;
}

function number(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is a whole number from 1 on, not "${text}"`);
  return value;
}

/** @throws Error with one sentence */
function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      shape: { type: 'string' },
      fault: { type: 'string', multiple: true },
      seconds: { type: 'string' },
      rate: { type: 'string' },
      seed: { type: 'string' },
      verbose: { type: 'boolean' },
      list: { type: 'boolean' },
    },
  });
  const shapes = (['all', 'split'] as const).filter((shape) => values.shape === undefined || values.shape === shape);
  if (shapes.length === 0) throw new Error(`--shape is all or split, not "${values.shape}"`);
  const wanted = (values.fault ?? []).flatMap((names) => names.split(','));
  const known = new Set(shapes.flatMap(faultsOf).flatMap(({ name, target, trouble }) => [name, target, trouble]));
  const unknown = wanted.filter((name) => !known.has(name as Fault['trouble']));
  if (unknown.length > 0) throw new Error(`there is no fault ${unknown.join(', ')}; --list names them`);
  return {
    shapes,
    wanted,
    seconds: number(values.seconds, 'seconds'),
    rate: number(values.rate, 'rate') ?? 72,
    seed: number(values.seed, 'seed') ?? randomInt(1, 1_000_000),
    verbose: values.verbose === true,
    list: values.list === true,
  };
}

const print = (line: string): void => console.log(line);

function list({ shapes, wanted }: Options): void {
  for (const shape of shapes) {
    for (const { name, target, trouble, seconds, withinSeconds } of pickFaults(faultsOf(shape), wanted)) {
      const lasts = seconds === 0 ? '' : ` for ${seconds} s`;
      print(
        `${shape.padEnd(6)} ${name.padEnd(20)} ${target} ${MEANING[trouble]}${lasts}; well again within ${withinSeconds} s`,
      );
    }
  }
}

/** The faults of a shape in the order of the seed, without those that cannot be had here. */
function plan(shape: Shape, options: Options, redis: string | undefined): Fault[] {
  const { wanted, seconds, seed } = options;
  const faults = pickFaults(faultsOf(shape), wanted)
    .filter(({ target }) => redis !== undefined || target !== 'redis')
    .map((fault) => (seconds === undefined || fault.seconds === 0 ? fault : { ...fault, seconds }));
  return new Chance(seed).shuffled(faults);
}

async function run(options: Options, signal: AbortSignal): Promise<number> {
  const redis = redisHere();
  let count = 0;
  for (const shape of options.shapes) {
    const faults = plan(shape, options, redis);
    if (faults.length === 0) continue;
    const start = performance.now();
    print(
      `\n${shape === 'all' ? 'one process' : 'six processes'}: ${faults.length} faults, --seed=${options.seed}, ${options.rate} requests/s`,
    );
    if (!redis) print('without Redis and its faults: there is no redis-server here');
    const { seed, rate, verbose } = options;
    const found = await runShape({ root, shape, redis, faults, seed, rate, verbose, print, signal });
    const seconds = Math.round((performance.now() - start) / 1000);
    print(`${shape}: ${found.length === 0 ? 'all is as it should be' : `${found.length} violations`} (${seconds} s)`);
    count += found.length;
  }
  return count === 0 ? 0 : 1;
}

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => ending.abort(new Error(`ended by ${signal}`)));
try {
  const options = readOptions(process.argv.slice(2));
  if (options.list) list(options);
  else process.exitCode = await run(options, ending.signal);
} catch (error) {
  const isUsage = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  console.error(error instanceof Error ? error.message : error);
  if (isUsage) console.error(`\n${USAGE}`);
  process.exitCode = 1;
}
