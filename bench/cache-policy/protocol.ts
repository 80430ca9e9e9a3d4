import type { TraceName } from './trace.ts';

/** Who keeps what: a policy alone, or all of the first tier of Nexus. */
export const POLICY_TITLES = {
  lru: 'LRU (lru-cache)',
  sieve: 'SIEVE',
  'w-tiny-lfu': 'W-TinyLFU',
  nexus: 'first tier of Nexus, whole',
} as const;
export type PolicyName = keyof typeof POLICY_TITLES;
export const POLICY_NAMES = Object.keys(POLICY_TITLES) as PolicyName[];

export type PolicyCommand =
  | { type: 'prepare'; main: string }
  | { type: 'replay'; trace: TraceName }
  | { type: 'sample'; ms: number };

/** CPU time in µs: of a hit, of keeping a new answer in a full cache, and of a request of the trace `scans`. */
export interface PolicyTimes {
  hit: number;
  keep: number;
  request: number;
}

export type PolicyEvent =
  | { type: 'prepared' }
  | { type: 'replayed'; hits: number }
  | ({ type: 'sampled' } & PolicyTimes);
