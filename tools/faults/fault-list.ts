import { setTimeout as sleep } from 'node:timers/promises';
import { PARTS, type Platform, type Shape } from './platform.ts';

/** What is done to a part. */
export const TROUBLES = ['term', 'kill', 'freeze', 'cut', 'delay', 'full'] as const;
export type Trouble = (typeof TROUBLES)[number];

/** One thing that goes wrong. */
export interface Fault {
  /** `project-kill`. */
  readonly name: string;
  /** A part, or for `full` a disk. */
  readonly target: string;
  readonly trouble: Trouble;
  /** How long it lasts, in s; 0 where what is ended is started again at once. */
  readonly seconds: number;
  /** From its end until everything is served well again, in s at most. */
  readonly withinSeconds: number;
  /** Parts that may end by themselves meanwhile. */
  readonly mayEnd: readonly string[];
}

/** What each trouble is, for people. */
export const MEANING: Readonly<Record<Trouble, string>> = {
  term: 'is ended in order (SIGTERM; PostgreSQL SIGINT), and started again',
  kill: 'is ended by force (SIGKILL), and started again',
  freeze: 'stands still (SIGSTOP), and goes on (SIGCONT)',
  cut: 'is not reached: nothing passes and nobody is told; then its connections are gone',
  delay: 'is far away: everything to it and from it takes 200 ms',
  full: 'has no byte left on its disk',
};

const SECONDS: Readonly<Record<Trouble, number>> = { term: 0, kill: 0, freeze: 5, cut: 3, delay: 3, full: 4 };
const DELAY_MS = 200;
/** These start in no time, which would be no outage; in s. */
const AWAY: Readonly<Record<string, number>> = { postgres: 2, redis: 2 };

/** In s. Generous towards a busy machine with few cores; a fault that is not mended by itself misses them by far. */
function bound(target: string, trouble: Trouble): number {
  if (target === 'database') return 30;
  if (target === 'redis') return 5;
  return trouble === 'term' || trouble === 'kill' || target === 'postgres' ? 20 : 10;
}

const fault = (target: string, trouble: Trouble): Fault => ({
  name: `${target}-${trouble}`,
  target,
  trouble,
  seconds: trouble === 'term' || trouble === 'kill' ? (AWAY[target] ?? 0) : SECONDS[trouble],
  withinSeconds: bound(target, trouble),
  // A database that cannot write its log ends, rather than lose what it has acknowledged.
  mayEnd: target === 'database' ? ['postgres'] : [],
});

/** Everything that can go wrong with a platform of this shape. */
export function faultsOf(shape: Shape): Fault[] {
  const parts = PARTS[shape].flatMap((part) =>
    TROUBLES.filter((trouble) => trouble !== 'full').map((trouble) => fault(part, trouble)),
  );
  return [...parts, fault('database', 'full'), fault('objects', 'full')];
}

/** The faults that somebody asked for: by name (`auth-kill`), by target (`auth`) or by trouble (`kill`). */
export function pickFaults(faults: readonly Fault[], wanted: readonly string[]): Fault[] {
  if (wanted.length === 0) return [...faults];
  return faults.filter(({ name, target, trouble }) => [name, target, trouble].some((word) => wanted.includes(word)));
}

/**
 * Makes it happen, and mends what has to be mended from outside.
 * @returns how a part that was to end in order ended otherwise; undefined when all went as it should
 */
export async function inject({ target, trouble, seconds }: Fault, platform: Platform): Promise<string | undefined> {
  const hold = (): Promise<void> => sleep(seconds * 1_000);
  if (trouble === 'full') {
    const disk = platform.disk(target);
    try {
      await disk.fill();
      await hold();
    } finally {
      disk.free();
    }
    return undefined;
  }
  const part = platform.part(target);
  if (trouble === 'kill') {
    await part.end('by force', seconds * 1_000);
    await hold();
  } else if (trouble === 'term') {
    const ending = await part.end('in order', seconds * 1_000);
    await hold();
    if (!['code 0', 'ended'].includes(ending)) return `${target} was to end in order, and ended with ${ending}`;
  } else if (trouble === 'freeze') {
    part.freeze();
    await hold();
    part.thaw();
  } else if (trouble === 'cut') {
    part.link.cut();
    await hold();
    part.link.mend();
  } else {
    part.link.delay(DELAY_MS);
    await hold();
    part.link.delay(0);
  }
  return undefined;
}
