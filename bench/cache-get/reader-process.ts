import { Random } from '../cache-policy/random.ts';
import { keyOf } from '../trial/answers.ts';
import { cpuMicrosOf, obeyTrial } from '../trial/obedience.ts';
import { READER_NAMES, type ReadCommand, type ReadEvent } from './protocol.ts';
import { ENTRIES, type Reader, readerOf } from './readers.ts';

/** Reads between two looks at the clock. */
const BATCH = 5_000;
/** Reads that are timed one by one. */
const TIMED = 50_000;
const SEED = 5;

const name = READER_NAMES.find((known) => known === process.argv[2]);
if (name === undefined) throw new Error('no such cache; the benchmark starts this process');

const random = Random.of(SEED);
const all = Array.from({ length: ENTRIES }, (_, index) => keyOf(index));
const order = Array.from({ length: BATCH }, () => all[random.below(ENTRIES)] as string);
let reader: Reader | undefined;

obeyTrial<ReadCommand, ReadEvent>(async (command) => {
  if (command.type === 'prepare') {
    reader = await readerOf(name, command.main);
    return { type: 'prepared' };
  }
  if (reader === undefined) throw new Error('"sample" before "prepare"');
  const read = reader;
  const later = read(order[0] as string) instanceof Promise;
  const batch = later ? () => readAllLater(read) : () => readAll(read);
  return { type: 'sampled', cpu: await cpuMicrosOf(batch, BATCH, command.ms), p99: await p99Of(read, later) };
});

function readAll(read: Reader): void {
  for (const key of order) {
    if (read(key) === undefined) throw new Error('an answer is not there');
  }
}

async function readAllLater(read: Reader): Promise<void> {
  for (const key of order) {
    if ((await read(key)) === undefined) throw new Error('an answer is not there');
  }
}

async function p99Of(read: Reader, later: boolean): Promise<number> {
  const times = new Float64Array(TIMED);
  for (let at = 0; at < TIMED; at += 1) {
    const key = order[at % BATCH] as string;
    const start = performance.now();
    const answer = read(key);
    if (later) await answer;
    times[at] = performance.now() - start;
  }
  times.sort();
  return (times[Math.ceil(TIMED * 0.99) - 1] as number) * 1000;
}
