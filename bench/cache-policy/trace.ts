import { Random } from './random.ts';

/** Entries of every cache that a trace is run on. */
export const CAPACITY = 1_000;
const REQUESTS = 600_000;

interface TraceShape {
  title: string;
  /** Keys that are asked for by Zipf's law: the one of rank r as often as r to the power of -exponent. */
  keys: number;
  exponent: number;
  /** Share of requests for keys that are asked for once. */
  scans: number;
  /** Requests after which the popularities are dealt anew. */
  turn?: number;
  seed: number;
}

/** Fixed before the first run, together with docs/adr/0016; a change of them is a new decision. */
const TRACES = {
  scans: { title: 'Zipf 1.0 over 10,000 keys, 10 % scans', keys: 10_000, exponent: 1, scans: 0.1, seed: 1 },
  'zipf-1.0': { title: 'Zipf 1.0 over 10,000 keys', keys: 10_000, exponent: 1, scans: 0, seed: 2 },
  'zipf-0.9': { title: 'Zipf 0.9 over 50,000 keys', keys: 50_000, exponent: 0.9, scans: 0, seed: 3 },
  moving: {
    title: 'Zipf 1.0 over 10,000 keys, 10 % scans, popularities change 5 times',
    keys: 10_000,
    exponent: 1,
    scans: 0.1,
    turn: 100_000,
    seed: 4,
  },
} as const satisfies Record<string, TraceShape>;

export type TraceName = keyof typeof TRACES;
export const TRACE_NAMES = Object.keys(TRACES) as TraceName[];
export const TRACE_TITLES = Object.fromEntries(TRACE_NAMES.map((name) => [name, TRACES[name].title])) as Record<
  TraceName,
  string
>;

/** The keys that are asked for, one after the other. */
export function traceOf(name: TraceName, requests: number = REQUESTS): Uint32Array {
  const { keys, exponent, scans, seed, turn = requests }: TraceShape = TRACES[name];
  const random = Random.of(seed);
  const ranks = zipf(keys, exponent);
  const keyOf = Uint32Array.from({ length: keys }, (_, rank) => rank);
  let fresh = keys;
  return Uint32Array.from({ length: requests }, (_, index) => {
    if (index > 0 && index % turn === 0) random.shuffle(keyOf);
    if (random.share() < scans) {
      fresh += 1;
      return fresh - 1;
    }
    return keyOf[rankAt(ranks, random.share())] as number;
  });
}

/** By rank, the share of requests for it and all before it. */
function zipf(keys: number, exponent: number): Float64Array {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank += 1) {
    sum += (rank + 1) ** -exponent;
    sums[rank] = sum;
  }
  return sums.map((part) => part / sum);
}

/** The first rank whose sum is above a share. */
function rankAt(sums: Float64Array, share: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sums[middle] as number) > share) high = middle;
    else low = middle + 1;
  }
  return low;
}
