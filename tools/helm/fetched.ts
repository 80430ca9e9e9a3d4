/** What the charts are checked with is fetched once, in a fixed version, into the cache of the checkout. */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

/** The cache of the checkout. */
export const CACHE = path.resolve(import.meta.dirname, '../../.cache');

/** By a name that the compiler does not follow: the types are in comments, which the project of `test/` does not read. */
const FILE_LOCK: string = '../launcher/file-lock.mjs';

/** Why something cannot be had. */
export interface Missing {
  readonly missing: string;
  /** Whether this machine could have it. */
  readonly expected: boolean;
}

/** A program, by its path. */
export interface Program {
  readonly binary: string;
}

/** Makes something at most once, whoever else is about to: `make` is not run where `target` is there. */
export async function once(target: string, make: () => Promise<void>, cache = CACHE): Promise<void> {
  if (existsSync(target)) return;
  mkdirSync(cache, { recursive: true });
  const { waitForLock }: { waitForLock(path: string): Promise<{ release(): void }> } = await import(FILE_LOCK);
  const lock = await waitForLock(`${path.join(cache, path.basename(target))}.lock`);
  try {
    if (!existsSync(target)) await make();
  } finally {
    lock.release();
  }
}
