import type { Cores } from '../machine.ts';
import { markdownTable } from '../report.ts';
import { type Verdict, verdict } from '../results.ts';
import { median, spread } from '../statistics.ts';
import { inTurns, TrialProcess } from '../trial/trial-process.ts';
import {
  READER_NAMES,
  READER_TITLES,
  type ReadCommand,
  type ReadEvent,
  type ReaderName,
  type ReadTimes,
} from './protocol.ts';

const MIN_ROUNDS = 7;
/** Own time over that of lru-cache. */
const AGAINST_LRU = { target: 10, ambition: 5 };
/** That of bentocache over the own: as it comes, and with its faster setting. */
const AGAINST_BENTO = { target: 10, ambition: 50, atLeast: true, digits: 0 };
const AGAINST_PLAIN_BENTO = { target: 10, atLeast: true, digits: 0, informative: true };
/** Of the own reads by the clock, in µs. */
const P99 = { target: 100, digits: 1, unit: ' µs' };

export type ReadSamples = ReadonlyMap<ReaderName, readonly ReadTimes[]>;

/** All read the same answers in the same order, in turns. @param ms CPU time of one sample */
export async function measureReads(options: {
  main: string;
  cores: Cores | undefined;
  rounds: number;
  ms: number;
}): Promise<ReadSamples> {
  const { main, cores, rounds, ms } = options;
  const file = new URL('./reader-process.ts', import.meta.url);
  const processes = new Map(
    READER_NAMES.map((name) => [name, new TrialProcess<ReadCommand, ReadEvent>(file, cores, name)]),
  );
  const sample: ReadCommand = { type: 'sample', ms };
  const answers = await inTurns({
    processes,
    before: [{ type: 'prepare', main }, sample],
    each: sample,
    rounds: Math.max(MIN_ROUNDS, rounds),
  });
  return new Map(
    [...answers].map(([name, events]) => [name, events.flatMap((event) => (event.type === 'sampled' ? [event] : []))]),
  );
}

const cpuOf = (samples: ReadSamples, name: ReaderName) => (samples.get(name) ?? []).map(({ cpu }) => cpu);
const p99Of = (samples: ReadSamples, name: ReaderName) => median((samples.get(name) ?? []).map(({ p99 }) => p99));

/** CPU time of one over that of another, round by round. */
export function readRatios(samples: ReadSamples, of: ReaderName, against: ReaderName): number[] {
  const other = cpuOf(samples, against);
  return cpuOf(samples, of).map((cpu, round) => cpu / (other[round] as number));
}

export function judgeReads(samples: ReadSamples): Verdict[] {
  const toLru = median(readRatios(samples, 'own-cache', 'lru-cache'));
  const toBento = median(readRatios(samples, 'bentocache', 'own-cache'));
  const toPlain = median(readRatios(samples, 'bentocache-plain', 'own-cache'));
  return [
    verdict('C4 cache-get: first tier / lru-cache', toLru, AGAINST_LRU),
    verdict('C4 cache-get: bentocache getOrSet / first tier', toBento, AGAINST_BENTO),
    verdict('cache-get: bentocache getOrSet without serialising / first tier', toPlain, AGAINST_PLAIN_BENTO),
    verdict('cache-get: p99 of the first tier', p99Of(samples, 'own-cache'), P99),
  ];
}

export function readSection(samples: ReadSamples): string {
  const rows = READER_NAMES.map((name) => {
    const cpu = cpuOf(samples, name);
    return [
      READER_TITLES[name],
      median(cpu).toFixed(3),
      `${(spread(cpu) * 100).toFixed(0)} %`,
      p99Of(samples, name).toFixed(2),
      String(cpu.length),
    ];
  });
  const line = (of: ReaderName, against: ReaderName, digits: number) => {
    const ratios = readRatios(samples, of, against);
    const around = `(spread ${(spread(ratios) * 100).toFixed(0)} %)`;
    return `- C4: ${READER_TITLES[of]} / ${READER_TITLES[against]}: **${median(ratios).toFixed(digits)}** ${around}`;
  };
  return [
    '### An answer that the process holds',
    '`cache-get`, 1,000 answers of 1 KB, in processes of their own, in turns; p99 by the clock, reading it included',
    markdownTable(['cache', 'CPU µs/read', 'spread', 'p99 µs', 'rounds'], rows),
    [
      line('own-cache', 'lru-cache', 2),
      line('bentocache', 'own-cache', 0),
      line('bentocache-plain', 'own-cache', 0),
    ].join('\n'),
  ].join('\n\n');
}
