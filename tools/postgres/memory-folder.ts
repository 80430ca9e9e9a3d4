import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

const GIB = 1024 ** 3;
/** Of what a run of all tests keeps at a time, several times over. */
const LEAST_FREE = 4 * GIB;
const LEAST_MEMORY = 8 * GIB;

/**
 * Where data of tests lie that nothing is run from: in memory where there is plenty, else in the folder for temporary
 * files. PostgreSQL makes hundreds of files for each database, which a disk's file system takes its time for.
 */
export function memoryFolder(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    if (bavail * bsize >= LEAST_FREE && process.availableMemory() >= LEAST_MEMORY) return '/dev/shm';
  } catch {
    // There is none.
  }
  return tmpdir();
}
