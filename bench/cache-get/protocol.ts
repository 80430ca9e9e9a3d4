/** Whose answer is asked for. */
export const READER_TITLES = {
  'own-cache': 'Nexus, first tier',
  'lru-cache': 'lru-cache, get',
  bentocache: 'bentocache, getOrSet from memory',
  'bentocache-plain': 'bentocache without serialising',
} as const;
export type ReaderName = keyof typeof READER_TITLES;
export const READER_NAMES = Object.keys(READER_TITLES) as ReaderName[];

export type ReadCommand = { type: 'prepare'; main: string } | { type: 'sample'; ms: number };

/** In µs: CPU time of a read, and what 99 of 100 reads took at most by the clock. */
export interface ReadTimes {
  cpu: number;
  p99: number;
}

export type ReadEvent = { type: 'prepared' } | ({ type: 'sampled' } & ReadTimes);
