import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** So much passes between two collections, in bytes. */
const EVERY_BYTES = 8 * 1024 * 1024;

type Collect = (options: { readonly type: 'minor' }) => void;

let collect: Collect | undefined;

function collector(): Collect {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
    // Only this module has it.
    setFlagsFromString('--no-expose-gc');
  }
  return collect;
}

let passed = 0;

/**
 * To be told of every piece of a stream that goes through. Node reads into a new buffer each time, outside of V8's heap,
 * and V8 looks for those that nobody needs only after 64 MB of them, because there is hardly anything else to collect: a
 * process that passes on one upload would hold that much for nothing. A collection of the young objects alone every
 * 8 MB takes less than a millisecond and frees them.
 *
 * @param bytes length of the piece
 */
export function bytesPassed(bytes: number): void {
  passed += bytes;
  if (passed < EVERY_BYTES) return;
  passed = 0;
  collector()({ type: 'minor' });
}
