/** "At once", elsewhere than where the change was made: within one second. */
export const AT_ONCE_MS = 1000;

const PAUSE_MS = 20;

export interface Patience {
  readonly withinMs: number;
  /** What is waited for, for the message. */
  readonly what: string;
  /** Between two looks; 20 ms unless given. */
  readonly everyMs?: number;
}

/**
 * Looks again and again until what is seen is as wanted.
 * @returns what was seen then
 * @throws Error with what was seen last when the time is over
 */
export async function eventually<T>(
  look: () => Promise<T>,
  wanted: (seen: T) => boolean,
  { withinMs, what, everyMs = PAUSE_MS }: Patience,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const asked = performance.now();
    const seen = await look();
    if (wanted(seen)) return seen;
    if (asked > deadline) throw new Error(`Not within ${withinMs} ms: ${what}; seen last: ${describe(seen)}`);
    await pause(everyMs);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @throws Error when the promise takes longer */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(seen: unknown): string {
  const text = seen instanceof Object && 'summary' in seen ? String(seen.summary) : JSON.stringify(seen);
  return (text ?? String(seen)).slice(0, 1000);
}
